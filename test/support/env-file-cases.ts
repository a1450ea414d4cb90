/** Release files and what systemd 257 and 262 read from them. */

export type EnvFileCase = readonly [
  name: string,
  text: string,
  fields: readonly (readonly [key: string, value: string])[],
]

export const ENV_FILE_CASES: readonly EnvFileCase[] = [
  ['nothing from nothing', '', []],
  ['nothing from blanks', ' \t\r\n \n', []],
  [
    'one field a line',
    'A=1\nB=2\n',
    [
      ['A', '1'],
      ['B', '2'],
    ],
  ],
  ['a last line without its end', 'A=1', [['A', '1']]],
  ['an empty value', 'A=\n', [['A', '']]],
  ['an empty value at the end', 'A=', [['A', '']]],
  [
    'empty quotes',
    'A=""\nB=\'\'\n',
    [
      ['A', ''],
      ['B', ''],
    ],
  ],
  [
    'blanks around key and value',
    ' \tA\t =  1 \t\nB=2',
    [
      ['A', '1'],
      ['B', '2'],
    ],
  ],
  ['blanks inside key and value', 'A b= 1  2 \n', [['A b', '1  2']]],
  ['a comment with a hash', '#A=1\n  # B=2\nC=3\n', [['C', '3']]],
  ['a comment with a semicolon', ';A=1\n  ; B=2\nC=3\n', [['C', '3']]],
  ['a comment that ends in a backslash', '#c\\\nB=1\n', [['B', '1']]],
  ['a hash behind a value', 'A=1 # one\n', [['A', '1 # one']]],
  ['a hash behind a quoted value', 'A="1"#x\n', [['A', '1#x']]],
  ['single quotes literally', "A='\\n $x \" \\\\'\n", [['A', '\\n $x " \\\\']]],
  [
    'single quotes over two lines',
    "A='1\n2'\nB=3\n",
    [
      ['A', '1\n2'],
      ['B', '3'],
    ],
  ],
  ['escapes in double quotes', 'A="\\" \\\\ \\` \\$"\n', [['A', '" \\ ` $']]],
  ['other backslashes in double quotes', 'A="\\n\\t\\\'"\n', [['A', "\\n\\t\\'"]]],
  ['a continued line in double quotes', 'A="1\\\n2"\n', [['A', '12']]],
  ['a backslash and a carriage return in double quotes', 'A="1\\\r2"\n', [['A', '1\\\r2']]],
  ['double quotes over two lines', 'A="1\n 2"\n', [['A', '1\n 2']]],
  ['an escaped character', 'A=\\"1\\\\\\2\n', [['A', '"1\\2']]],
  ['a continued line', 'A=1\\\n2\n', [['A', '12']]],
  ['a line continued over a carriage return', 'A=1\\\r2\n', [['A', '12']]],
  ['a value that starts on the next line', 'A=\\\n2\n', [['A', '2']]],
  ['an escaped blank at the end', 'A=a\\ \n', [['A', 'a ']]],
  [
    'a blank in front of a continued line',
    'A=x \\\n\nB=1\n',
    [
      ['A', 'x '],
      ['B', '1'],
    ],
  ],
  [
    'blanks behind a continued line',
    'A=x\\\n   \nB=1\n',
    [
      ['A', 'x'],
      ['B', '1'],
    ],
  ],
  ['a backslash at the end', 'A=1\\', [['A', '1']]],
  ['quoted pieces with blanks between', 'A="a" \'b\'c\n', [['A', 'abc']]],
  ['quoted pieces and words with blanks', 'A="a\n b" c d  \n', [['A', 'a\n bc d']]],
  ['a quote in the middle of a word', 'A=c"d"\n', [['A', 'c"d"']]],
  ['a quote after quotes and a word', 'A="1"x"2"\n', [['A', '1x"2"']]],
  ['a quote after quotes and a continued line', 'A="1"\\\n"2"\n', [['A', '1"2"']]],
  ['single quotes in the middle of a word', "A=a'b'\n", [['A', "a'b'"]]],
  ['an open double quote', 'A="1\nB=2\n', [['A', '1\nB=2\n']]],
  ['an open single quote', "A='1\nB=2\n", [['A', '1\nB=2\n']]],
  ['a backslash at the end of an open quote', 'A="1\\', [['A', '1']]],
  ['no expansion', 'A=$B `c` $(d)\n', [['A', '$B `c` $(d)']]],
  [
    'the last of duplicate keys, in the first place',
    'A=1\nB=2\nA=3\n',
    [
      ['A', '3'],
      ['B', '2'],
    ],
  ],
  ['an empty duplicate', 'A=1\nA=\n', [['A', '']]],
  ['no line without an equals sign', 'A\nB=1\nC', [['B', '1']]],
  [
    'a carriage return as a line end',
    'A=1\rB=2\r\nC=3',
    [
      ['A', '1'],
      ['B', '2'],
      ['C', '3'],
    ],
  ],
  ['an equals sign as the first byte of a key', '=a=b\n', [['=a', 'b']]],
  ['no lone equals sign', '=\nA=1\n', [['A', '1']]],
  ['an equals sign in a value', 'A=b=c\n', [['A', 'b=c']]],
  ['a byte order mark as part of the key', '\ufeffA=1\n', [['\ufeffA', '1']]],
  ['control characters', 'A=\x01\x7f\n', [['A', '\x01\x7f']]],
  ['letters beyond ASCII', 'A=ä "日本"\n', [['A', 'ä "日本"']]],
  ['a backslash in a key', 'A\\=1\n', [['A\\', '1']]],
]
