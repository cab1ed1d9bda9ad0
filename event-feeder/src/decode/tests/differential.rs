//! The quick way over lines and the library: one result, whatever the bytes.

use super::support::{Declared, block};
use crate::{Batch, Decoder, Payload};
use proptest::prelude::*;
use timeline_core::Type;

fn decoder(quick: bool) -> Decoder {
    let mut decoder = Declared {
        order: Some(("o", Type::Int)),
        columns: vec![
            ("s", "s", Type::String),
            ("f", "f", Type::Float),
            ("i", "i", Type::Int),
            ("b", "b", Type::Bool),
            ("long", "a_member_with_a_long_name", Type::String),
            ("nested", "p.q", Type::String),
            ("key", "k", Type::String),
        ],
        ..Declared::default()
    }
    .decoder();
    if !quick {
        decoder.lines.give_up();
    }
    decoder
}

/// Decodes both ways; everything must be equal, also when the quick way has learned how these lines begin.
///
/// A last line without its line feed is never read the quick way, so they are tried with one as well.
fn both(bytes: &[u8]) -> Result<Batch, TestCaseError> {
    ended([bytes, b"\n"].concat().as_slice())?;
    ended(bytes)
}

fn ended(bytes: &[u8]) -> Result<Batch, TestCaseError> {
    let block = || block(Payload::Lines(bytes.to_vec()));
    let mut quick = decoder(true);
    let first = quick.decode(block());
    let again = quick.decode(block());
    compare(&again, &first, bytes)?;
    compare(&again, &decoder(false).decode(block()), bytes)?;
    Ok(again)
}

fn compare(quick: &Batch, slow: &Batch, bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    prop_assert_eq!(&quick.events, &slow.events, "{}", text);
    prop_assert_eq!(&quick.dead, &slow.dead, "{}", text);
    prop_assert_eq!((&quick.values, &quick.bytes), (&slow.values, &slow.bytes), "{}", text);
    prop_assert_eq!((quick.records, quick.max_time), (slow.records, slow.max_time), "{}", text);
    for event in &quick.events {
        prop_assert!(std::str::from_utf8(event.key.of(&quick.bytes)).is_ok());
    }
    Ok(())
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just(""), 3 => Just(" "), 1 => Just("  "), 1 => Just("\t"), 1 => Just("\r")]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-c]{0,20}",
        2 => prop::collection::vec(
            prop::sample::select(vec![
                "a", "é", "😀", " ", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udc00x", "\\uZZZZ",
                "\\x", "\u{1}", "\t", "{", "}", ",", ":", "\\",
            ]),
            0..6,
        ).prop_map(|parts| parts.concat()),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<i32>().prop_map(|x| x.to_string()),
        2 => any::<i64>().prop_map(|x| x.to_string()),
        2 => any::<f64>().prop_map(|x| format!("{x:e}")),
        2 => prop::sample::select(vec![
            "0", "-0", "-0.0", "01", "-", "1.", ".5", "1e5", "1E+5", "1e", "1e-", "+1", "1.5", "1_0", "12345678", "123456789",
            "1234567890123456", "12345678901234567", "123456789012345678901", "1e400", "0x1", "1.0", "00", "1a", "NaN",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.25e2", "0e0", "1700000000123",
        ]).prop_map(String::from),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => text().prop_map(|text| format!("\"{text}\"")),
        4 => number(),
        2 => number().prop_map(|number| format!("\"{number}\"")),
        1 => prop::sample::select(vec!["\"true\"", "\"false\"", "\"True\"", "\"NaN\""]).prop_map(String::from),
        2 => prop::sample::select(vec!["true", "false", "null", "tru", "nul", "nulll", "True", "", "undefined"]).prop_map(String::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec((blank(), inner.clone(), blank()), 0..4).prop_map(|items| {
                let items: Vec<_> = items.into_iter().map(|(a, item, b)| format!("{a}{item}{b}")).collect();
                format!("[{}]", items.join(","))
            }),
            prop::collection::vec((blank(), name(), blank(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.into_iter().map(|(a, name, b, value)| format!("{a}\"{name}\"{b}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = vec![
        "k",
        "t",
        "o",
        "s",
        "f",
        "i",
        "b",
        "a_member_with_a_long_name",
        "p",
        "q",
        "p.q",
        "unread",
        "another_unread_member",
        "",
        "a_member_with_a_lOng_name",
        "\\u006b",
        "kk",
    ];
    prop_oneof![30 => prop::sample::select(known).prop_map(String::from), 1 => text()]
}

/// A line as it should be: usable key and time somewhere among other members.
fn line() -> impl Strategy<Value = String> {
    let usable =
        prop_oneof![Just("\"k\":\"a\"".to_owned()), (0u64..2_000_000_000_000).prop_map(|t| format!("\"t\":{t}")),];
    let member =
        (name(), blank(), blank(), value()).prop_map(|(name, a, b, value)| format!("\"{name}\"{a}:{b}{value}"));
    let members = prop::collection::vec(prop_oneof![1 => usable, 2 => member], 0..7);
    (blank(), members, prop::bool::weighted(0.8), prop::sample::select(vec![",", ", ", " ,", ",,"]), blank(), blank())
        .prop_map(|(before, mut members, usable, comma, within, behind)| {
            if usable {
                members.insert(members.len() / 2, "\"t\":1700000000123".into());
                members.insert(0, "\"k\":\"key\"".into());
            }
            let comma = if members.len() % 3 == 0 { comma } else { "," };
            format!("{before}{{{within}{}{within}}}{behind}", members.join(comma))
        })
}

/// Changes some bytes: what is not JSON any more, or not quite the same.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<prop::sample::Index>(),
        prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[],:\n 0-.e".to_vec())],
        0u8..3,
    );
    (prop::collection::vec(line(), 1..4), prop::collection::vec(change, 0..4)).prop_map(|(lines, changes)| {
        let mut bytes = lines.join("\n").into_bytes();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => _ = bytes.remove(at),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn lines_decode_alike(lines in prop::collection::vec(line(), 1..5)) {
        both(lines.join("\n").as_bytes())?;
    }

    #[test]
    fn mutated_lines_decode_alike(bytes in mutated()) {
        both(&bytes)?;
    }

    #[test]
    fn random_bytes_decode_alike(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        both(&bytes)?;
    }
}

/// Lines of every length before and behind the edges of what is indexed at a time, and longer than that.
#[test]
fn pieces_of_the_index_do_not_show() {
    let mut text = String::new();
    for i in 0..3000 {
        let length = if i % 500 == 499 { 40_000 } else { i * 31 % 400 };
        let letter = if i % 700 == 0 { "é" } else { "x" };
        text += &format!("{{\"k\":\"k{i}\",\"t\":{i},\"s\":\"{}\",\"i\":{i}}}\n", letter.repeat(length));
    }
    let mut bytes = text.into_bytes();
    let batch = both(&bytes).unwrap();
    assert_eq!((batch.events.len(), batch.dead.len()), (3000, 0));
    // One line that is not UTF-8, far from the beginning.
    let at = bytes.len() / 2;
    bytes[at] = 0xFF;
    let batch = both(&bytes).unwrap();
    assert_eq!((batch.events.len(), batch.dead.len()), (2999, 1));
}

/// The quick way is taken: a test that holds it equal to the other would not notice if it always gave up.
#[test]
fn usual_lines_go_the_quick_way() {
    use crate::decode::{cell::CapturedCell, fields, index, names, shape, walk};
    let declared = Declared::default();
    let fields = fields::Fields::new(&declared.source(), &declared.columns(), 0);
    let names = names::NameTable::new(&fields::MemberTree::new(&fields), fields.paths.len()).unwrap();
    for (line, quick) in [
        (r#"{"k":"a","t":1700000000123,"s":"x","f":-1.5e3,"i":0,"b":true}"#, true),
        (r#"{ "k" : "a", "t": 17 , "more": {"a":[1, {}, [], "\"\\\u00e9"], "b":null}, "s":[1] } "#, true),
        ("{\"k\":\"é\",\"t\":1}\r", true),
        (r#"{"k":"\n","t":1}"#, false),
        (r#"{}"#, false),
        (r#"{"k":"a","t":01}"#, false),
        (r#"{"k":"a","t":1}x"#, false),
    ] {
        let block = format!("{line}\n       ");
        let mut places = vec![];
        index::index(block.as_bytes(), 0, block.len(), &mut places);
        let mut walk = walk::Walk { block: block.as_bytes(), places: &places, next: 0 };
        let end = walk.line(0, &names, &mut shape::PrefixGraph::new(), &mut [CapturedCell::default(); 8]);
        assert_eq!(end, quick.then_some(line.len()), "{line}");
    }
}

/// Every line that is one byte away from a usual one.
#[test]
fn neighbours_of_usual_lines_decode_alike() {
    let odd = b"\"\\{}[],: \t\r\n\0\x1f\x7f\x80\xC3\xE90159-+.eEtfnux/ak";
    for line in [
        r#"{"k":"a","t":17,"s":"x","f":-1.5e3,"i":0,"b":true,"u":null}"#,
        r#"{ "k" : "a" , "t": 17, "m":{"a":[1, {}, [], "\"\\\u00e9"], "b":false}, "s":[[1]]} "#,
        r#"{"a_member_with_a_long_name":"é","k":1,"t":1700000000123,"p.q":"q","o":12345678}"#,
    ] {
        let line = format!("{line}\n{line}").into_bytes();
        both(&line).unwrap();
        for at in 0..=line.len() / 2 {
            let mut shorter = line.clone();
            shorter.remove(at);
            both(&shorter).unwrap();
            for byte in odd {
                let mut other = line.clone();
                other[at] = *byte;
                both(&other).unwrap();
                other[at] = line[at];
                other.insert(at, *byte);
                both(&other).unwrap();
            }
        }
    }
}
