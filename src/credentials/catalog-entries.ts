/**
 * The credentials that systemd and util-linux look for, by systemd.system-credentials(7) and the
 * unit files of systemd 262.
 */

import type { ContentKind } from './content.ts'

export interface CatalogEntry {
  /** `*` stands for any text. */
  readonly name: string
  /** The program that reads it. */
  readonly consumer: string
  /** What it has to contain, in words. */
  readonly content: string
  /** First version of systemd that reads it. */
  readonly since: number
  readonly kind: ContentKind
}

type Row = readonly [names: string, kind: ContentKind, content: string]

/** Names share what is in front of a brace: `a.{b,c}` is `a.b` and `a.c`. */
function entries(consumer: string, since: number, rows: readonly Row[]): readonly CatalogEntry[] {
  return rows.flatMap(([names, kind, content]) =>
    expand(names).map((name) => ({ name, consumer, content, since, kind })),
  )
}

function expand(names: string): readonly string[] {
  const [, start, words, end] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(names) ?? []
  if (words === undefined) return [names]
  return words.split(',').flatMap((word) => expand(`${start}${word}${end}`))
}

export const CATALOG: readonly CatalogEntry[] = [
  ...entries('systemd-firstboot', 252, [
    ['firstboot.keymap', 'word', 'keyboard layout, such as de-latin1'],
    ['firstboot.{locale,locale-messages}', 'locale', 'locale, such as de_DE.UTF-8'],
    ['firstboot.timezone', 'timezone', 'time zone, such as Europe/Berlin'],
  ]),
  ...entries('systemd-firstboot', 261, [
    ['firstboot.hostname', 'hostname', 'static host name'],
    ['firstboot.machine-tags', 'line', 'tags with colons between them'],
  ]),
  ...entries('systemd-firstboot, systemd-sysusers', 252, [
    ['passwd.hashed-password.root', 'crypt', 'password as crypt(5) stores it'],
    ['passwd.plaintext-password.root', 'line', 'password'],
    ['passwd.shell.root', 'path', 'absolute path of the shell'],
  ]),
  ...entries('systemd-sysusers', 252, [
    ['passwd.hashed-password.*', 'crypt', 'password of another user; the unit imports root only'],
    ['passwd.plaintext-password.*', 'line', 'password of another user; the unit imports root only'],
    ['passwd.shell.*', 'path', 'shell of another user; the unit imports root only'],
    ['sysusers.extra', 'text', 'lines of sysusers.d(5)'],
  ]),
  ...entries('systemd-tmpfiles', 252, [
    ['login.issue', 'text', 'text for /etc/issue.d/50-provision.conf'],
    ['login.motd', 'text', 'text for /etc/motd.d/50-provision.conf'],
    ['network.hosts', 'text', 'content of /etc/hosts'],
    ['ssh.authorized_keys.root', 'ssh-keys', 'content of /root/.ssh/authorized_keys'],
    ['tmpfiles.extra', 'text', 'lines of tmpfiles.d(5)'],
  ]),
  ...entries('systemd-sysctl', 252, [['sysctl.extra', 'text', 'lines of sysctl.d(5)']]),
  ...entries('systemd-fstab-generator', 254, [['fstab.extra', 'text', 'lines of fstab(5)']]),
  ...entries('systemd-vconsole-setup', 253, [
    ['vconsole.{keymap,keymap_toggle}', 'word', 'keyboard layout'],
    ['vconsole.{font,font_map,font_unimap}', 'word', 'console font or its map'],
  ]),
  ...entries('systemd-resolved', 253, [
    ['network.dns', 'line', 'addresses of DNS servers with blanks between them'],
    ['network.search_domains', 'line', 'search domains with blanks between them'],
  ]),
  ...entries('systemd-network-generator', 256, [
    ['network.conf.*', 'text', 'drop-in of networkd.conf(5); every user can read it'],
    ['network.{link,netdev,network}.*', 'text', 'network file; every user can read it'],
  ]),
  ...entries('systemd-networkd', 256, [
    ['network.wireguard.*', 'wireguard', 'key, for PrivateKey=@… in a .netdev file'],
  ]),
  ...entries('systemd-ssh-generator', 256, [
    ['ssh.listen', 'line', 'value of ListenStream='],
    ['ssh.ephemeral-authorized_keys-all', 'ssh-keys', 'lines of authorized_keys, for every user'],
  ]),
  ...entries('systemd-getty-generator', 254, [
    ['getty.ttys.{serial,container}', 'text', 'names of terminals, one in each line'],
  ]),
  ...entries('systemd-getty-generator', 258, [
    ['getty.auto', 'line', 'yes, no, or kinds of terminals'],
  ]),
  ...entries('agetty, login (util-linux 2.40)', 254, [
    ['{agetty,login}.*', 'text', 'value of the option'],
  ]),
  ...entries('agetty, login (util-linux 2.40)', 257, [
    ['tty.{virtual,serial,container}.*.{agetty,login}.*', 'text', 'the same for one terminal'],
    ['tty.console.{agetty,login}.*', 'text', 'the same for the console'],
  ]),
  ...entries('systemd-journald', 256, [
    ['journal.{storage,forward_to_socket}', 'line', 'value of the setting'],
  ]),
  ...entries('systemd', 253, [
    ['vmm.notify_socket', 'socket', 'vsock:CID:PORT, or the path of a socket'],
  ]),
  ...entries('systemd', 254, [
    ['system.machine_id', 'machine-id', '32 hexadecimal digits'],
    ['system.hostname', 'hostname', 'host name'],
  ]),
  ...entries('pam_systemd', 257, [
    ['shell.prompt.{prefix,suffix}', 'text', 'text around the prompt'],
    ['shell.welcome', 'text', 'text shown after login'],
  ]),
  ...entries('systemd-homed-firstboot', 256, [['home.create.*', 'json', 'user record']]),
  ...entries('systemd-homed-firstboot', 258, [
    ['home.register.*', 'json', 'user record'],
    ['home.add-signing-key.*', 'pem', 'public key; the name ends in .public'],
  ]),
  ...entries('systemd-userdb-load-credentials', 258, [
    ['userdb.{user,group}.*', 'json', 'record'],
    ['userdb.transient.{user,group}.*', 'json', 'record that is gone after the next boot'],
  ]),
  ...entries('systemd-cryptsetup', 256, [
    ['cryptsetup.{passphrase,tpm2-pin,fido2-pin,pkcs11-pin,luks2-pin}', 'secret', 'secret'],
  ]),
  ...entries('systemd-cryptenroll', 256, [
    ['cryptenroll.{passphrase,new-passphrase,fido2-pin,pkcs11-pin}', 'secret', 'secret'],
    ['cryptenroll.{tpm2-pin,new-tpm2-pin}', 'secret', 'secret'],
  ]),
  ...entries('systemd-debug-generator', 256, [
    ['systemd.extra-unit.*', 'text', 'unit; the name ends in that of the unit'],
    ['systemd.unit-dropin.*', 'text', 'drop-in; the name ends in UNIT or UNIT~NAME'],
  ]),
  ...entries('systemd-udevd', 256, [['udev.{conf,rules}.*', 'text', 'content of the file']]),
  ...entries('systemd-import-generator', 257, [
    ['import.pull', 'text', 'downloads, one in each line'],
  ]),
  ...entries('systemd-fsck, systemd-quotacheck', 258, [
    ['fsck.{mode,repair}', 'word', 'as the option of the kernel command line'],
    ['quotacheck.mode', 'word', 'as the option of the kernel command line'],
  ]),
  ...entries('units for cloud metadata', 261, [['imds.*', 'text', 'differs']]),
  ...entries('systemd-measure', 257, [
    ['measure.private-key-pin', 'line', 'PIN of the key that signs PCR policies'],
  ]),
  ...entries('systemd-udevd', 250, [
    ['{wol.password,*.link.wol.password}', 'wol', 'SecureOn password, six bytes: 00:11:22:…'],
  ]),
  ...entries('systemd-cryptsetup', 256, [
    ['pcrlock.*', 'json', 'pcrlock policy, on the ESP with a null key'],
  ]),
]
