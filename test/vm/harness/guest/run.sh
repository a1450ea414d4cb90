#!/bin/sh
# Runs the steps on the disk "steps" one after the other. What came of each goes to the port
# "results" as soon as it ended, an archive each; the last archive is the journal.
#
# Emulated, a process costs a tenth of a second: this starts few.
set -eu

port=/dev/virtio-ports/results
steps=/run/vmtest
# On the disk where there is one, because steps may write images.
work=/var/tmp/vmtest

say() {
  read -r now _ </proc/uptime
  echo "vmtest: [$now] $*" >/dev/console
}

send() {
  # Status 1 is a file that something still wrote to.
  tar --create --sparse --directory="$work" "$@" >"$port" || [ $? = 1 ]
}

# run_step FOLDER_OF_THE_STEP FOLDER_FOR_ITS_RESULTS
run_step() {
  read -r limit <"$1/timeout"
  read -r started _ </proc/uptime
  status=0
  (cd "$2/files" && exec timeout --kill-after=2 "$limit" sh "$1/script") \
    </dev/null >"$2/stdout" 2>"$2/stderr" || status=$?
  read -r ended _ </proc/uptime
  # What did not heed the first signal was killed by the second.
  if [ "$status" = 137 ] && [ $((${ended%.*} - ${started%.*})) -ge "$limit" ]; then status=124; fi
  echo "$status" >"$2/status"
}

mkdir -p "$steps" "$work" /payload
udevadm wait --timeout=60 /dev/disk/by-id/virtio-steps /dev/disk/by-id/virtio-payload "$port"
mount -o ro /dev/disk/by-id/virtio-payload /payload
tar --extract --directory="$steps" --file=/dev/disk/by-id/virtio-steps

say "running"
: >"$work/running"
send running
for step in "$steps"/*; do
  number=${step##*/}
  read -r name <"$step/name"
  say "step $number: $name"
  mkdir -p "$work/$number/files"
  run_step "$step" "$work/$number"
  say "step $number ended with $status"
  # The status comes last: where it is, everything is.
  send "$number/files" "$number/stdout" "$number/stderr" "$number/status"
  rm -rf "${work:?}/$number"
done

journalctl --sync
journalctl --quiet --no-hostname --output=short-monotonic >"$work/journal"
send journal
say "done"
