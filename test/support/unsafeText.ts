/** What must never reach a terminal from a model: control, bidi and invisible characters, newlines aside. */
export const unsafe = /[^\P{Cc}\n]|[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

/** A name that tries everything: HTML, quotes, newlines, escapes, right-to-left marks, markdown, shell. */
export const hostileName =
  '</td><script>alert(1)</script>\n# owned\r\n| a | `b` |\u001b[2J\u001b]0;title\u0007\u202egnp.exe\u2066 "\'$(rm -rf ~) @admin **x** [l](http://e.example) \\| \u200b\ufeff&lt;';
