//! What a source says about how its records are written: nulls, lists, and CSV.

use super::support::{Declared, block, csv, decode, json, lines, show};
use crate::{DecimalSigns, Payload, RecordTraits};
use timeline_core::Type;
use timeline_core::plan::{Csv, Nulls};

fn nulls(missing: bool, words: &[&str]) -> Declared {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Declared { nulls: Nulls { missing, words }, ..Declared::default() }
}

#[test]
fn a_null_is_missing_where_that_is_said() {
    let line = r#"{"k":"a","t":1,"s":null,"f":null,"i":7,"b":null}"#;
    assert_eq!(show(&json(&nulls(false, &[]), line)), "a@1000000 s=null f=null i=7 b=null");
    assert_eq!(show(&json(&nulls(true, &[]), line)), "a@1000000 i=7");
    // Escapes leave a line to the library, which must agree.
    let line = r#"{"k":"\u0061","t":1,"s":null,"f":1.5,"i":null,"b":null}"#;
    assert_eq!(show(&json(&nulls(true, &[]), line)), "a@1000000 f=1.5");
    // What does not fit ends the state all the same.
    let line = r#"{"k":"a","t":1,"s":null,"f":"x"}"#;
    assert_eq!(show(&json(&nulls(true, &[]), line)), "a@1000000 f=null | TL2010 f");
    // A key or time that is null is none, whatever is said.
    assert_eq!(show(&json(&nulls(true, &[]), r#"{"k":null,"t":1}"#)), "| TL2003 k");
    assert_eq!(show(&json(&nulls(true, &[]), r#"{"k":"a","t":null}"#)), "| TL2004 t");
}

#[test]
fn words_that_are_nulls() {
    let words = nulls(false, &["NaN", "unavailable", "-"]);
    let line = r#"{"k":"a","t":1,"s":"unavailable","f":"NaN","i":"-","b":"unavailable"}"#;
    assert_eq!(show(&json(&words, line)), "a@1000000 s=null f=null i=null b=null");
    assert_eq!(show(&json(&words, r#"{"k":"a","t":1,"s":"nan","f":1.5}"#)), "a@1000000 s=nan f=1.5");
    assert_eq!(show(&json(&nulls(true, &["NaN"]), r#"{"k":"a","t":1,"s":"NaN","f":1.5}"#)), "a@1000000 f=1.5");
    // No word is a number, a truth value or a list.
    let odd = nulls(false, &["1", "true", "[]"]);
    assert_eq!(show(&json(&odd, r#"{"k":"a","t":1,"f":1,"i":1,"b":true}"#)), "a@1000000 f=1 i=1 b=true");
    let cells = |declared: &Declared, record: &str| show(&csv(declared, &["k", "t", "s", "f", "i"], record.as_bytes()));
    assert_eq!(cells(&words, "a,1,NaN, NaN ,\"-\""), "a@1000000 s=null f=null i=null");
    assert_eq!(cells(&words, "a,1,,,"), "a@1000000", "an empty cell is no event unless it is named");
    assert_eq!(cells(&nulls(false, &[""]), "a,1,,1.5,"), "a@1000000 s=null f=1.5 i=null");
    assert_eq!(cells(&nulls(true, &[""]), "a,1,,1.5,"), "a@1000000 f=1.5");
    assert_eq!(cells(&nulls(false, &[""]), ",1,x,,"), "| TL2003 k");
}

#[test]
fn a_null_above_the_end_of_a_path_is_no_null_of_its_column() {
    let declared =
        |path, missing| Declared { columns: vec![("s", path, Type::String)], ..nulls(missing, &["unavailable"]) };
    for (path, members, want) in [
        ("engine.state", r#""engine":{"state":"on"}"#, " s=on"),
        ("engine.state", r#""engine":{"state":null}"#, " s=null"),
        ("engine.state", r#""engine":{"state":"unavailable"}"#, " s=null"),
        ("engine.state", r#""engine":null"#, ""),
        ("engine.state", r#""engine":"unavailable""#, ""),
        ("engine.state", r#""engine":7"#, ""),
        ("engine.state", r#""engine":{}"#, ""),
        ("a.b.c", r#""a":{"b":null}"#, ""),
        ("a.b.c", r#""a":null"#, ""),
        ("p[0].q", r#""p":[null]"#, ""),
        ("p[0].q", r#""p":null"#, ""),
        ("p[0].q", r#""p":[{"q":null}]"#, " s=null"),
        ("p[key=b].v", r#""p":[{"key":"b","v":null}]"#, " s=null"),
    ] {
        let line = format!("{{\"k\":\"a\",\"t\":1,{members}}}");
        assert_eq!(show(&json(&declared(path, false), &line)), format!("a@1000000{want}"), "{path} in {members}");
        if members.contains("null") {
            assert_eq!(show(&json(&declared(path, true), &line)), "a@1000000", "{path} in {members}: null is missing");
        }
    }
}

#[test]
fn paths_select_in_lists() {
    let declared = |path| Declared { columns: vec![("s", path, Type::String)], ..Declared::default() };
    for (path, members, want) in [
        ("p[0]", r#""p":["x","y"]"#, " s=x"),
        ("p[1]", r#""p":["x","y"]"#, " s=y"),
        ("p[2]", r#""p":["x","y"]"#, ""),
        ("p[0]", r#""p":{"0":"x"}"#, ""),
        ("p[0]", r#""p":[null]"#, " s=null"),
        ("p[0]", r#""p":[7]"#, " s=null | TL2010 s"),
        ("p[0]", r#""p":["x"],"p":[]"#, ""),
        ("p[0]", r#""p":["\u0078"]"#, " s=x"),
        ("p[1][0]", r#""p":[["a"],["b"]]"#, " s=b"),
        ("p[0].q", r#""p":[{"q":"x"}]"#, " s=x"),
        ("o.p[0].q", r#""o":{"p":[{"q":"x"}]}"#, " s=x"),
        ("p[key=b].v", r#""p":[{"key":"a","v":"x"},{"key":"b","v":"y"},{"key":"b","v":"z"}]"#, " s=y"),
        ("p[key=b].v", r#""p":[{"v":"y","key":"b"}]"#, " s=y"),
        ("p[key=b].v", r#""p":[{"key":"c","key":"b","v":"y"}]"#, " s=y"),
        ("p[key=b].v", r#""p":[{"k\u0065y":"\u0062","v":"y"}]"#, " s=y"),
        ("p[key=b].v", r#""p":[1,"b",null,[],{"v":"x"},{"key":"b"}]"#, ""),
        ("p[id=7].v", r#""p":[{"id":6,"v":"x"},{"id":7,"v":"y"}]"#, " s=y"),
        ("p[on=true].v", r#""p":[{"on":true,"v":"y"}]"#, " s=y"),
        ("p[key=b].v.w", r#""p":[{"key":"b","v":{"w":"deep"}}]"#, " s=deep"),
        ("p[0].q", r#""p[0].q":"flat""#, " s=flat"),
        ("p[0]", r#""p[0]":"flat""#, " s=flat"),
    ] {
        let line = format!("{{\"k\":\"a\",\"t\":1,{members}}}");
        let members = members.replace("\\\\", "\\");
        assert_eq!(show(&json(&declared(path), &line)), format!("a@1000000{want}"), "{path} in {members}");
    }
    let two =
        Declared { columns: vec![("s", "p[0].q", Type::String), ("f", "p[1].q", Type::Float)], ..Declared::default() };
    assert_eq!(show(&json(&two, r#"{"k":"a","t":1,"p":[{"q":"x"},{"q":2}]}"#)), "a@1000000 s=x f=2");
    let key = Declared { key: vec!["id"], ..Declared::default() };
    assert_eq!(show(&csv(&declared("p[0].q"), &["k", "t", "p[0].q"], b"a,1,x")), "a@1000000 s=x");
    assert_eq!(show(&json(&key, r#"{"id":"a","t":1}"#)), "a@1000000");
}

#[test]
fn cells_between_semicolons_have_decimal_commas() {
    let cells = |csv: Csv, delimiter: u8, record: &str| {
        let declared = Declared { csv, unit: "s", ..Declared::default() };
        let header: Vec<String> = ["k", "t", "s", "f", "i"].map(String::from).to_vec();
        let payload = Payload::Csv { header: header.into(), delimiter, bytes: record.into() };
        show(&decode(&declared, payload))
    };
    let none = Csv::default();
    let said = |sign| Csv { delimiter: None, decimal: Some(sign) };
    assert_eq!(cells(none, b';', "a;1,5;1,5;1,5;3,0"), "a@1500000000 s=1,5 f=1.5 i=3");
    assert_eq!(cells(none, b';', "a;1.5;x;1.5;3"), "a@1500000000 s=x f=1.5 i=3");
    assert_eq!(cells(none, b';', "a;1;x;1.234,5;"), "a@1000000000 s=x f=null | TL2010 f");
    assert_eq!(cells(said(b','), b';', "a;1;x;-0,25;"), "a@1000000000 s=x f=-0.25");
    assert_eq!(cells(said(b','), b';', "a;1;x;1.234;"), "a@1000000000 s=x f=null | TL2010 f");
    assert_eq!(cells(said(b'.'), b';', "a;1;x;1,5;"), "a@1000000000 s=x f=null | TL2010 f");
    assert_eq!(cells(said(b','), b',', "a,1,x,\"1,5\","), "a@1000000000 s=x f=1.5");
    assert_eq!(cells(none, b'\t', "a\t1\tx\t1,5\t"), "a@1000000000 s=x f=null | TL2010 f");
    assert_eq!(cells(none, b'|', "a|1|\"x|y\"|1.5|"), "a@1000000000 s=x|y f=1.5");
}

#[test]
fn signs_that_are_in_doubt_are_counted_and_names_that_a_header_has_twice_known() {
    let signs = |csv: Csv, delimiter: u8, records: &str| {
        let declared = Declared { csv, unit: "s", ..Declared::default() };
        let header: Vec<String> = ["k", "t", "f", "x", "f"].map(String::from).to_vec();
        decode(&declared, Payload::Csv { header: header.into(), delimiter, bytes: records.into() }).seen
    };
    let seen = signs(Csv::default(), b';', "a;1;;;1.234,56\na;1;;; 1.234 \na;1;;;2,5\na;1;;;0.125\na;1;;;1.25\n");
    assert_eq!((seen.signs.commas, seen.signs.thousands, seen.signs.example.as_deref()), (2, 1, Some("1.234")));
    assert_eq!(
        seen.twice_named.into_iter().map(|(name, (_, places))| (name, places)).collect::<Vec<_>>(),
        [("f".to_owned(), vec![3, 5])]
    );
    // Where it is said, or commas stand between cells, nothing is in doubt.
    for (csv, delimiter) in [(Csv { delimiter: None, decimal: Some(b'.') }, b';'), (Csv::default(), b'|')] {
        let seen = signs(csv, delimiter, &"a;1;;;1.234\n".replace(';', std::str::from_utf8(&[delimiter]).unwrap()));
        assert_eq!(seen.signs, DecimalSigns::default());
    }
}

fn seen(declared: &Declared, text: &str) -> RecordTraits {
    lines(declared, text).seen
}

#[test]
fn what_records_have_is_known() {
    let declared = Declared::default();
    let whole = seen(
        &declared,
        "{\"k\":\"a\",\"t\":1,\"s\":\"x\",\"f\":null}\n{\"k\":\"a\",\"t\":1,\"i\":\"bad\",\"b\":true}\n",
    );
    assert_eq!(whole.columns, 0b1111, "nulls and values that do not fit are something, too");
    assert!(whole.names.is_none(), "nothing is missing");
    let part = seen(&declared, "{\"k\":\"a\",\"t\":1,\"S\":\"x\",\"o\":{\"f\":1},\"n\":null,\"l\":[{\"v\":1}]}\n");
    let names = part.names.unwrap();
    assert_eq!(part.columns, 0);
    assert!(["S", "o.f", "n"].iter().all(|name| names.names.contains(*name)), "{names:?}");
    assert!(names.lists.contains_key("l"));
    let mut decoder = declared.decoder();
    let many = "{\"k\":\"a\",\"t\":1}\n".repeat(1000);
    assert!(decoder.decode(block(Payload::Lines(many.clone().into()))).seen.names.is_some());
    assert!(decoder.decode(block(Payload::Lines(many.into()))).seen.names.is_none(), "only the first are looked at");
}

#[test]
fn events_of_nulls_for_the_most_part_are_counted() {
    let hollow = |line: &str| seen(&Declared::default(), line).hollow;
    assert_eq!(hollow(r#"{"k":"a","t":1,"s":"x","f":null,"i":null,"b":null}"#), 1);
    assert_eq!(hollow(r#"{"k":"a","t":1,"s":"x","f":1,"i":null,"b":null}"#), 1);
    assert_eq!(hollow(r#"{"k":"a","t":1,"s":"x","f":1,"i":2,"b":null}"#), 0);
    assert_eq!(hollow(r#"{"k":"a","t":1,"s":null}"#), 0);
}
