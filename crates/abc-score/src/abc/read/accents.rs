//! Letters with accents as ABC spells them in words (standard 2.1, section 8.2): `\'e`, `&eacute;`, `\u00e9`.

/// The sign behind `\`, the end of the name behind `&` and its letter, and each letter with the accented one.
const ACCENTS: [(&str, &str, &str); 14] = [
    ("`", "grave", "AÀaàEÈeèIÌiìOÒoòUÙuù"),
    ("'", "acute", "AÁaáCĆcćEÉeéIÍiíLĹlĺNŃnńOÓoóRŔrŕSŚsśUÚuúYÝyýZŹzź"),
    ("^", "circ", "AÂaâCĈcĉEÊeêGĜgĝHĤhĥIÎiîJĴjĵOÔoôSŜsŝUÛuûWŴwŵYŶyŷ"),
    ("\"", "uml", "AÄaäEËeëIÏiïOÖoöUÜuüYŸyÿ"),
    ("~", "tilde", "AÃaãIĨiĩNÑnñOÕoõUŨuũ"),
    ("c", "cedil", "CÇcçGĢKĶkķLĻlļNŅnņRŖrŗSŞsşTŢtţ"),
    ("A", "ring", "AÅ"),
    ("a", "ring", "aå"),
    ("/", "slash", "OØoø"),
    ("=", "macr", "AĀaāDĐdđEĒeēHĦhħIĪiīOŌoōTŦtŧUŪuū"),
    (";", "ogon", "AĄaąEĘeęIĮiįUŲuų"),
    ("v", "caron", "CČcčDĎdďEĚeěNŇnňRŘrřSŠsšTŤtťZŽzž"),
    ("u", "breve", "AĂaăEĔeĕGĞgğIĬiĭOŎoŏUŬuŭ"),
    ("H", "dblac", "OŐoőUŰuű"),
];

/// Letters of two, by their names behind `\` and `&`.
const LIGATURES: [(&str, &str, char); 9] = [
    ("AE", "AElig;", 'Æ'),
    ("ae", "aelig;", 'æ'),
    ("OE", "OElig;", 'Œ'),
    ("oe", "oelig;", 'œ'),
    ("ss", "szlig;", 'ß'),
    ("DH", "ETH;", 'Ð'),
    ("dh", "eth;", 'ð'),
    ("TH", "THORN;", 'Þ'),
    ("th", "thorn;", 'þ'),
];

/// Other signs by their names behind `&`.
const SIGNS: [(&str, char); 6] =
    [("amp;", '&'), ("quot;", '"'), ("copy;", '©'), ("lt;", '<'), ("gt;", '>'), ("nbsp;", ' ')];

/// The text with its letters as they are meant; a backslash before any other sign stands for that sign.
pub(crate) fn accented(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        let found = match c {
            '\\' => unicode(behind)
                .or_else(|| LIGATURES.iter().find_map(|&(name, _, c)| Some((c, behind.strip_prefix(name)?))))
                .or_else(|| ACCENTS.iter().find_map(|&(sign, _, pairs)| letter(pairs, behind.strip_prefix(sign)?)))
                .or_else(|| behind.chars().next().filter(|c| "\\%&".contains(*c)).map(|c| (c, &behind[1..]))),
            '&' => LIGATURES
                .iter()
                .find_map(|&(_, name, c)| Some((c, behind.strip_prefix(name)?)))
                .or_else(|| SIGNS.iter().find_map(|&(name, c)| Some((c, behind.strip_prefix(name)?))))
                .or_else(|| numbered(behind))
                .or_else(|| {
                    ACCENTS.iter().find_map(|&(_, name, pairs)| {
                        let (accented, rest) = letter(pairs, behind)?;
                        Some((accented, rest.strip_prefix(name)?.strip_prefix(';')?))
                    })
                }),
            _ => None,
        };
        let (c, behind) = found.unwrap_or((c, behind));
        plain.push(c);
        rest = behind;
    }
    plain
}

/// The accented letter for the one that the text begins with, and what stands behind it.
fn letter<'a>(pairs: &str, text: &'a str) -> Option<(char, &'a str)> {
    let plain = text.chars().next()?;
    let (before, after) = (pairs.chars().step_by(2), pairs.chars().skip(1).step_by(2));
    let accented = before.zip(after).find(|(letter, _)| *letter == plain)?.1;
    Some((accented, &text[plain.len_utf8()..]))
}

/// `u` and four hexadecimal digits, or `U` and eight.
fn unicode(text: &str) -> Option<(char, &str)> {
    let n_digits = if text.starts_with('u') { 4 } else { 8 };
    let digits = text.strip_prefix(['u', 'U'])?.get(..n_digits)?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((c, &text[1 + n_digits..]))
}

/// `#233;` or `#xe9;`, as web pages have it.
fn numbered(text: &str) -> Option<(char, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(';')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?).filter(|c| !c.is_control())?, rest))
}

#[cfg(test)]
mod tests {
    use super::accented;

    #[test]
    fn signs_of_web_pages_are_read() {
        assert_eq!(
            accented("&#233;t&#xE9; &copy; &quot;x&quot; &#7; &#x110000; &nbsp;&lt;"),
            "été © \"x\" &#7; &#x110000;  <"
        );
    }

    #[test]
    fn letters_with_accents_are_read_in_all_three_spellings() {
        assert_eq!(accented(r#"\AA Jenta \aa Caf\'e M\"unster &eacute; \u00e9"#), "Å Jenta å Café Münster é é");
        assert_eq!(accented(r"\`a\^e\~n\cc\/o\ss\ae\OE &Aring;&ccedil;&AElig;&uuml; \vs"), "àêñçøßæŒ ÅçÆü š");
        assert_eq!(accented(r"Rock \& Roll 100\% &amp; C:\x & more\"), r"Rock & Roll 100% & C:\x & more\");
    }
}
