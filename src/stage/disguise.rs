//! Text that was encoded once too often: every byte of it is valid, and it does not say what was
//! meant.
//!
//! In: a field. Out: how it is encoded, if it must be so. What could as well be meant as it stands is
//! not told: a false alarm for each file would be the end of all alarms.

/// A way in which characters beyond ASCII were written as others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disguise {
    /// `caf=C3=A9`
    QuotedPrintable,
    /// `caf&eacute;`
    HtmlEntities,
    /// `caf+AOk-`
    Utf7,
    /// `cafÃ©`
    DoubleUtf8,
    /// `caf%C3%A9`
    PercentEncoding,
    /// `caf\u00e9`
    Escapes,
}

impl Disguise {
    pub(super) const ALL: [Self; 6] = [
        Self::QuotedPrintable,
        Self::HtmlEntities,
        Self::Utf7,
        Self::DoubleUtf8,
        Self::PercentEncoding,
        Self::Escapes,
    ];

    /// As a sentence names it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::QuotedPrintable => "quoted-printable, as in a mail (`=C3=A9` for é)",
            Self::HtmlEntities => "HTML entities (`&eacute;` for é)",
            Self::Utf7 => "UTF-7 (`+AOk-` for é)",
            Self::DoubleUtf8 => "UTF-8 twice over (`Ã©` for é)",
            Self::PercentEncoding => "percent-encoding, as in a URL (`%C3%A9` for é)",
            Self::Escapes => "escapes, as in JSON (`\\u00e9` for é)",
        }
    }

    /// How a field is disguised, if it is, as its beginning shows.
    pub(super) fn of(field: &[u8]) -> Option<Self> {
        let text = beginning(field)?;
        if !text.is_ascii() {
            return is_utf8_twice(text).then_some(Self::DoubleUtf8);
        }
        let field = text.as_bytes();
        let is_other = |byte: u8| matches!(byte, b'=' | b'&' | b'+' | b'%' | b'\\');
        field.iter().enumerate().find_map(|(at, byte)| {
            is_other(*byte)
                .then(|| Self::begins(field, &field[at..]))
                .flatten()
        })
    }

    fn begins(field: &[u8], rest: &[u8]) -> Option<Self> {
        match rest[0] {
            b'=' => is_encoded_utf8(rest, b'=').then_some(Self::QuotedPrintable),
            b'%' if !contains(field, b"://") => {
                is_encoded_utf8(rest, b'%').then_some(Self::PercentEncoding)
            }
            b'&' => is_entity(rest).then_some(Self::HtmlEntities),
            b'+' => is_utf7(rest).then_some(Self::Utf7),
            b'\\' if !matches!(field[0], b'{' | b'[' | b'"') => {
                is_escape(rest).then_some(Self::Escapes)
            }
            _ => None,
        }
    }
}

/// How much of a field is looked at. From each sign on it is looked at to its end, so a long one would
/// take the square of its length.
const MOST_BYTES: usize = 256;

/// What a field begins with; nothing if it is not UTF-8. A long one is cut behind a character of ASCII,
/// so that no character, nor one that was written as several, is cut in two.
fn beginning(field: &[u8]) -> Option<&str> {
    let begin = match field.get(..MOST_BYTES) {
        None => field,
        Some(begin) => {
            let end = begin.iter().rposition(u8::is_ascii);
            &begin[..end.map_or(0, |last| last + 1)]
        }
    };
    std::str::from_utf8(begin).ok()
}

fn contains(field: &[u8], part: &[u8]) -> bool {
    field.windows(part.len()).any(|window| window == part)
}

/// Bytes as two hexadecimal digits behind a sign each, which are a character of several bytes.
fn is_encoded_utf8(text: &[u8], sign: u8) -> bool {
    let bytes: Vec<u8> = text
        .chunks_exact(3)
        .take(4)
        .map_while(|chunk| {
            (chunk[0] == sign)
                .then(|| hexadecimal(&chunk[1..]))
                .flatten()
        })
        .filter_map(|byte| u8::try_from(byte).ok())
        .collect();
    (2..=bytes.len()).any(|length| {
        let character = std::str::from_utf8(&bytes[..length]);
        character.is_ok_and(|it| it.chars().count() == 1 && !it.is_ascii())
    })
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok()?;
    is_number
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

/// Endings of the names of letters with something on them.
const MARKS: [&[u8]; 11] = [
    b"acute", b"grave", b"circ", b"uml", b"tilde", b"cedil", b"ring", b"slash", b"lig", b"caron",
    b"quo",
];
/// Other names.
const NAMES: [&[u8]; 8] = [
    b"euro", b"pound", b"sect", b"deg", b"ndash", b"mdash", b"hellip", b"eth",
];

/// `&eacute;`, `&#233;` or `&#xE9;`, but not `&amp;`, nor any other that stands for ASCII.
fn is_entity(text: &[u8]) -> bool {
    let Some(end) = text.iter().take(12).position(|byte| *byte == b';') else {
        return false;
    };
    let name = &text[1..end];
    let number = match name {
        [b'#', b'x' | b'X', digits @ ..] => hexadecimal(digits),
        [b'#', digits @ ..] => std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok()),
        _ => None,
    };
    if let Some(number) = number {
        return number > 0x9F && char::from_u32(number).is_some();
    }
    name.len() > 3
        && name.iter().all(u8::is_ascii_alphabetic)
        && name != b"quot"
        && (NAMES.contains(&name) || MARKS.iter().any(|mark| name.ends_with(mark)))
}

/// `\u00e9`
fn is_escape(text: &[u8]) -> bool {
    text.get(1) == Some(&b'u')
        && text
            .get(2..6)
            .and_then(hexadecimal)
            .is_some_and(|number| number > 0x9F)
}

/// `+AOk-`: base64 of UTF-16, with nothing left over. `+test-` is that by chance now and then, so it
/// has to be letters, and of one of the alphabets of Europe or more than one of them.
fn is_utf7(text: &[u8]) -> bool {
    let Some(end) = text.iter().position(|byte| *byte == b'-') else {
        return false;
    };
    let Some(units) = utf16(&text[1..end]) else {
        return false;
    };
    let Ok(decoded) = String::from_utf16(&units) else {
        return false;
    };
    let is_near = |character: char| ('\u{C0}'..'\u{600}').contains(&character);
    let is_likely = units.len() > 1 || decoded.chars().all(is_near);
    is_likely
        && decoded
            .chars()
            .all(|it| it.is_alphabetic() && !it.is_ascii())
}

fn utf16(base64: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in base64 {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    (!units.is_empty() && count < 6 && bits == 0).then_some(units)
}

/// The characters of a text, taken for bytes, are UTF-8 in their turn.
fn is_utf8_twice(text: &str) -> bool {
    let mut is_twice = false;
    let mut run = Vec::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii() {
            if !run.is_empty() && std::str::from_utf8(&run).is_err() {
                return false;
            }
            is_twice |= !run.is_empty();
            run.clear();
        } else {
            match as_byte(character) {
                Some(byte) => run.push(byte),
                None => return false,
            }
        }
    }
    is_twice
}

/// The byte that a Windows program shows as this character.
fn as_byte(character: char) -> Option<u8> {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž',
        '\u{8F}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}',
        'ž', 'Ÿ',
    ];
    if let Some(place) = FROM_80.iter().position(|it| *it == character) {
        return u8::try_from(0x80 + place).ok();
    }
    u8::try_from(u32::from(character)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguise_is_seen() {
        for (text, disguise) in [
            ("caf=C3=A9", Disguise::QuotedPrintable),
            ("=E2=82=AC", Disguise::QuotedPrintable),
            ("a=b J=C3=BCrgen", Disguise::QuotedPrintable),
            ("caf&eacute;", Disguise::HtmlEntities),
            ("Stra&szlig;e", Disguise::HtmlEntities),
            ("J&#252;rgen", Disguise::HtmlEntities),
            ("J&#xFC;rgen", Disguise::HtmlEntities),
            ("AT&T caf&eacute;", Disguise::HtmlEntities),
            ("J+APw-rgen", Disguise::Utf7),
            ("+BB8EQAQ4BDIENQRC-", Disguise::Utf7),
            ("cafÃ©", Disguise::DoubleUtf8),
            ("JÃ¼rgen MÃ¼ller", Disguise::DoubleUtf8),
            ("donâ€™t", Disguise::DoubleUtf8),
            ("caf%C3%A9", Disguise::PercentEncoding),
            ("caf\\u00e9", Disguise::Escapes),
        ] {
            assert_eq!(Disguise::of(text.as_bytes()), Some(disguise), "{text}");
        }
    }

    #[test]
    fn what_may_be_meant_as_it_stands_is_none() {
        for text in [
            "",
            "Ann",
            "café",
            "São Paulo",
            "Ã",
            "AÃO",
            "50 % ©",
            "a=b",
            "key=BAD",
            "=C3",
            "=C3=28",
            "=41=42",
            "AT&T",
            "a &amp; b",
            "&quot;a&quot;",
            "&#39;",
            "&#65;",
            "&;",
            "x && acute;",
            "ann+test-1@x.org",
            "ann+abc-@x.org",
            "+44-20-7946",
            "+440-1",
            "+-",
            "1+ADM-",
            "100%",
            "%41%42",
            "https://x.org/caf%C3%A9",
            "{\"a\": \"\\u00e9\"}",
            "\\u0041",
            "C:\\users",
            "\\u",
        ] {
            assert_eq!(Disguise::of(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Disguise::of(b"\xE9"), None);
        assert_eq!(Disguise::of(b"\xC3"), None);
    }

    #[test]
    fn only_the_beginning_of_a_field_is_looked_at() {
        let behind = |letters: usize, text: &str| "a".repeat(letters) + text;
        let shown = behind(MOST_BYTES - 9, " caf%C3%A9");
        assert_eq!(Disguise::of(shown.as_bytes()), None);
        let shown = behind(MOST_BYTES - 10, " caf%C3%A9");
        assert_eq!(
            Disguise::of(shown.as_bytes()),
            Some(Disguise::PercentEncoding)
        );
        assert_eq!(Disguise::of(&[b'a'; MOST_BYTES + 1]), None);
        assert_eq!(Disguise::of(&[0xE9; MOST_BYTES + 1]), None);
    }

    #[test]
    fn a_character_that_is_cut_is_no_fault() {
        for letters in 0..4 {
            let text = "a".repeat(letters) + &"\u{C3}\u{A9} ".repeat(MOST_BYTES);
            let found = Disguise::of(text.as_bytes());
            assert_eq!(found, Some(Disguise::DoubleUtf8), "{letters}");
        }
    }
}
