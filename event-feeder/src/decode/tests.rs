//! What records of each format become.

mod differential;
mod parquet;
mod preceding;
mod reading;
mod support;

use crate::{Block, Mark, MessageKey, Payload, Position, RecordCode};
use support::{Declared, csv, decode, json, lines, show};

/// Checks one line with columns `s: string, f: float, i: int, b: bool` against what [`show`] says of it.
#[track_caller]
fn check(line: &str, want: &str) {
    assert_eq!(show(&json(&Declared::default(), line)), want, "{line}");
}

#[test]
fn values_of_json() {
    check(r#"{"k":"a","t":1}"#, "a@1000000");
    check(r#"{"k":"a","t":1,"s":"x","f":1.5,"i":-7,"b":true,"more":[{"a":[]}]}"#, "a@1000000 s=x f=1.5 i=-7 b=true");
    check(r#"{"k":"a","t":1,"s":null,"f":null,"i":null,"b":null}"#, "a@1000000 s=null f=null i=null b=null");
    check(r#"{"b":false,"i":9223372036854775807,"t":1,"k":"a"}"#, "a@1000000 i=9223372036854775807 b=false");
    check(r#"{"k":"a","t":1,"i":-9223372036854775807,"f":-0.0}"#, "a@1000000 f=0 i=-9223372036854775807");
    check(r#"{"k":"a","t":1,"i":3.0,"f":7}"#, "a@1000000 f=7 i=3");
    check(r#"{"k":"a","t":1,"i":3e2,"f":1e-400}"#, "a@1000000 f=0 i=300");
    check(r#"{"k":"a","t":1,"i":9007199254740993.0}"#, "a@1000000 i=9007199254740993");
    check(r#"{"k":"a","t":1,"s":"","k":"b"}"#, "b@1000000 s=");
    check(r#"{"k":"a","t":1,"s":"x","s":null}"#, "a@1000000 s=null");
    check(r#"{"k":"a","t":1,"s":"\u00e9\n\"\ud83d\ude00/"}"#, "a@1000000 s=é\n\"😀/");
    check(r#"{"\u006b":"a","t":1,"s":"é😀"}"#, "a@1000000 s=é😀");
    check("  { \"k\" : \"a\" , \"t\" : 1 }\r", "a@1000000");
    check("\u{feff}{\"k\":\"a\",\"t\":1}", "a@1000000");
}

#[test]
fn values_that_do_not_fit_are_nulls_and_leave_the_rest_of_the_event() {
    for (value, code) in [
        (r#""s":1"#, "TL2010 s"),
        (r#""s":true"#, "TL2010 s"),
        (r#""s":{"x":1}"#, "TL2010 s"),
        (r#""s":"\ud800""#, "TL2013 s"),
        (r#""f":"unavailable""#, "TL2010 f"),
        (r#""f":"""#, "TL2010 f"),
        (r#""f":" 1.5""#, "TL2010 f"),
        (r#""f":"NaN""#, "TL2012 f"),
        (r#""f":"-Infinity""#, "TL2012 f"),
        (r#""f":"1e400""#, "TL2011 f"),
        (r#""f":1e400"#, "TL2011 f"),
        (r#""f":-1e400"#, "TL2011 f"),
        (r#""f":[]"#, "TL2010 f"),
        (r#""i":1.5"#, "TL2010 i"),
        (r#""i":"1.5""#, "TL2010 i"),
        (r#""i":"+1""#, "TL2010 i"),
        (r#""i":9223372036854775808"#, "TL2011 i"),
        (r#""i":"9223372036854775808""#, "TL2011 i"),
        (r#""i":-9223372036854775808"#, "TL2011 i"),
        (r#""i":1e300"#, "TL2011 i"),
        (r#""b":0"#, "TL2010 b"),
        (r#""b":"True""#, "TL2010 b"),
        (r#""b":"1""#, "TL2010 b"),
    ] {
        let column = &code[7..];
        let rest = if column == "s" { "\"i\":5" } else { "\"s\":\"x\"" };
        let shown = if column == "s" { "s=null i=5".into() } else { format!("s=x {column}=null") };
        check(&format!("{{\"k\":\"a\",\"t\":1,{value},{rest}}}"), &format!("a@1000000 {shown} | {code}"));
    }
    let all = "s=null f=null i=null b=null | TL2010 s | TL2010 f | TL2010 b";
    check(r#"{"k":"a","t":1,"s":1,"f":"x","i":null,"b":1}"#, &format!("a@1000000 {all}"));
}

#[test]
fn texts_that_are_numbers_or_truth_values_are_those() {
    for (text, want) in [
        ("21.5", Some("21.5")),
        ("-2", Some("-2")),
        ("0", Some("0")),
        ("-0.0", Some("0")),
        ("1e2", Some("100")),
        ("1E+2", Some("100")),
        ("0.5e-1", Some("0.05")),
        ("01", None),
        ("-01", None),
        ("+1", None),
        (".5", None),
        ("5.", None),
        ("1e", None),
        ("1e+", None),
        ("-", None),
        ("0x10", None),
        ("1_0", None),
        ("1 ", None),
        ("inf", None),
    ] {
        let batch = json(&Declared::default(), &format!("{{\"k\":\"a\",\"t\":1,\"f\":\"{text}\"}}"));
        let shown = show(&batch);
        match want {
            Some(number) => assert_eq!(shown, format!("a@1000000 f={number}"), "{text}"),
            None => assert!(shown.starts_with("a@1000000 f=null | TL201"), "{text}: {shown}"),
        }
    }
    check(
        r#"{"k":"a","t":1,"f":"2\u0031","i":"9007199254740993","b":"true"}"#,
        "a@1000000 f=21 i=9007199254740993 b=true",
    );
    check(r#"{"k":"a","t":1,"s":"1","i":"3.0","b":"false"}"#, "a@1000000 s=1 i=3 b=false");
}

#[test]
fn texts_and_keys_have_at_most_64_kibibytes() {
    let (most, more) = ("x".repeat(64 << 10), "x".repeat((64 << 10) + 1));
    check(&format!(r#"{{"k":"a","t":1,"s":"{most}","i":1}}"#), &format!("a@1000000 s={most} i=1"));
    check(&format!(r#"{{"k":"a","t":1,"s":"{more}","i":1}}"#), "a@1000000 s=null i=1 | TL2015 s");
    check(&format!(r#"{{"k":"a","t":1,"s":"\n{most}","i":1}}"#), "a@1000000 s=null i=1 | TL2015 s");
    check(&format!(r#"{{"k":"{most}","t":1}}"#), &format!("{most}@1000000"));
    check(&format!(r#"{{"k":"{more}","t":1}}"#), "| TL2016 k");
    let cells = csv(&Declared::default(), &["k", "t", "s"], format!("a,1,{more}\n{more},2,x").as_bytes());
    assert_eq!(show(&cells), "a@1000000 s=null | TL2015 s | TL2016 k");
    let two = Declared { key: vec!["a", "c"], ..Declared::default() };
    assert_eq!(show(&json(&two, &format!(r#"{{"a":"{most}","c":"y","t":1}}"#))), "| TL2016 a");
}

#[test]
fn unusable_records_are_one_dead_letter() {
    for (line, code) in [
        ("x", "TL2002"),
        ("{", "TL2002"),
        ("[]", "TL2002"),
        ("1", "TL2002"),
        ("null", "TL2002"),
        (r#"{"k":"a","t":1"#, "TL2002"),
        (r#"{"k":"a","t":1}}"#, "TL2002"),
        (r#"{"k":"a","t":1} {"k":"a","t":1}"#, "TL2002"),
        (r#"{"k":"a","t":1,}"#, "TL2002"),
        (r#"{"k":"a","t":NaN}"#, "TL2002"),
        (r#"{"k":"a","t":1,"f":NaN}"#, "TL2002"),
        (r#"{"k":"a","t":01}"#, "TL2002"),
        (r#"{"k":"a","t":1,"more":[}"#, "TL2002"),
        (r#"{"k":"a","t":1,"more":"\x"}"#, "TL2002"),
        ("{\"k\":\"a\",\"t\":1,\"more\":\"\u{1}\"}", "TL2002"),
        (r#"{"t":1,"s":1}"#, "TL2003 k"),
        (r#"{"k":null,"t":1}"#, "TL2003 k"),
        (r#"{"k":"","t":"x"}"#, "TL2003 k"),
        (r#"{"k":1.5,"t":1}"#, "TL2003 k"),
        (r#"{"k":1e3,"t":1}"#, "TL2003 k"),
        (r#"{"k":["a"],"t":1}"#, "TL2003 k"),
        (r#"{"k":"\udc00","t":1}"#, "TL2003 k"),
        (r#"{"k":"a"}"#, "TL2004 t"),
        (r#"{"k":"a","t":null}"#, "TL2004 t"),
        (r#"{"k":"a","t":1.5,"s":1}"#, "TL2004 t"),
        (r#"{"k":"a","t":true}"#, "TL2004 t"),
        (r#"{"k":"a","t":{}}"#, "TL2004 t"),
        (r#"{"k":"a","t":"1e3"}"#, "TL2004 t"),
        (r#"{"k":"a","t":9223372036855}"#, "TL2005 t"),
        (r#"{"k":"a","t":1e99}"#, "TL2005 t"),
    ] {
        check(line, &format!("| {code}"));
    }
    for (line, code) in
        [(&b"{\"k\":\"\xff\",\"t\":1}"[..], "TL2001"), (b"{\"k\":\"a\",\"t\":1,\"more\":\"\xc3\"}", "TL2001")]
    {
        assert_eq!(show(&decode(&Declared::default(), Payload::Lines(line.to_vec()))), format!("| {code}"));
    }
}

#[test]
fn keys_are_texts_whole_numbers_and_truth_values() {
    check(r#"{"k":17,"t":1}"#, "17@1000000");
    check(r#"{"k":18446744073709551616,"t":1}"#, "18446744073709551616@1000000");
    check(r#"{"k":-3,"t":1}"#, "-3@1000000");
    check(r#"{"k":true,"t":1}"#, "true@1000000");
    check(r#"{"k":false,"t":1,"s":"\""}"#, "false@1000000 s=\"");
    let two = Declared { key: vec!["a", "c"], ..Declared::default() };
    assert_eq!(show(&json(&two, r#"{"a":"x","c":"y","t":1}"#)), r#"["x","y"]@1000000"#);
    assert_eq!(show(&json(&two, r#"{"a":"x\",\"","c":1,"t":1}"#)), r#"["x\",\"","1"]@1000000"#);
    assert_eq!(show(&json(&two, r#"{"a":"x","t":1}"#)), "| TL2003 c");
}

#[test]
fn times_in_text_and_fractions() {
    check(r#"{"k":"a","t":"1700000000123"}"#, "a@1700000000123000000");
    check(r#"{"k":"a","t":-1.0}"#, "a@-1000000");
    let seconds = Declared { unit: "s", ..Declared::default() };
    assert_eq!(show(&json(&seconds, r#"{"k":"a","t":1700000000.123456789}"#)), "a@1700000000123456789");
    assert_eq!(show(&json(&seconds, r#"{"k":"a","t":"0.5"}"#)), "a@500000000");
    let text = Declared { unit: "rfc3339", ..Declared::default() };
    assert_eq!(show(&json(&text, r#"{"k":"a","t":"1970-01-01 00:00:01.5"}"#)), "a@1500000000");
    assert_eq!(show(&json(&text, r#"{"k":"a","t":1}"#)), "| TL2004 t");
    assert_eq!(show(&json(&text, r#"{"k":"a","t":"3000-01-01T00:00:00Z"}"#)), "| TL2005 t");
}

#[test]
fn order_is_optional_and_sorts() {
    let ordered = Declared { order: Some(("o", timeline_core::Type::Int)), ..Declared::default() };
    let batch = lines(
        &ordered,
        concat!(
            r#"{"k":"a","t":1,"o":2}"#,
            "\n",
            r#"{"k":"a","t":1}"#,
            "\n",
            r#"{"k":"a","t":1,"o":null}"#,
            "\n",
            r#"{"k":"a","t":1,"o":-2}"#,
            "\n",
            r#"{"k":"a","t":1,"o":"x"}"#,
        ),
    );
    let orders: Vec<_> = batch.events.iter().map(|event| event.order()).collect();
    assert!(orders[1].is_none() && orders[2].is_none() && orders[4].is_none());
    assert!(orders[0] > orders[3] && orders[3] > orders[1]);
    assert_eq!((batch.dead.len(), batch.dead[0].column.as_deref()), (1, Some("o")));
}

#[test]
fn values_within_objects() {
    let nested = Declared { columns: vec![("s", "p.q.r", timeline_core::Type::String)], ..Declared::default() };
    for (members, want) in [
        (r#""p":{"q":{"r":"x"}}"#, " s=x"),
        (r#""p":{"x":[1,{"q":{"r":"y"}}],"q":{"z":1,"r":"x"}}"#, " s=x"),
        (r#""p.q.r":"x""#, " s=x"),
        (r#""p":{"q":{"r":null}}"#, " s=null"),
        (r#""p":{"q":null}"#, ""),
        (r#""p":7"#, ""),
        (r#""p":{"q.r":"x"}"#, ""),
        (r#""p":{"q":{"r":"x"}},"p":{}"#, ""),
        (r#""p":{"q":{"r":"x"}},"p.q.r":"y""#, " s=y"),
        (r#""p":{"q":{"r":"x"},"q":{"r":"\u0079"}}"#, " s=y"),
        (r#""p":{"q":{"r":1}}"#, " s=null | TL2010 s"),
        (r#""p":{"q":{"r":"x","\ud800":1}}"#, " s=null | TL2013 s"),
    ] {
        let line = format!("{{\"k\":\"a\",\"t\":1,{members}}}");
        assert_eq!(show(&json(&nested, &line)), format!("a@1000000{want}"), "{line}");
    }
}

#[test]
fn depth_does_not_matter() {
    for depth in [1, 60, 64, 65, 127, 128, 129, 100_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        check(&format!("{{\"k\":\"a\",\"t\":1,\"more\":{open}{close}}}"), "a@1000000");
        check(&format!("{{\"k\":\"a\",\"t\":1,\"s\":{open}{close}}}"), "a@1000000 s=null | TL2010 s");
        check(&format!("{{\"k\":\"a\",\"t\":1,\"more\":{open}{}}}", &close[1..]), "| TL2002");
    }
}

#[test]
fn blank_lines_are_no_records_and_offsets_are_those_of_the_file() {
    let text = "\n{\"k\":\"a\",\"t\":5}\n \t\r\n\nbad\n{\"k\":\"b\",\"t\":3}\n{\"k\":\"c\",\"t\":5}";
    let batch = lines(&Declared::default(), text);
    assert_eq!(batch.records, 4);
    let places: Vec<_> = batch.events.iter().map(|event| batch.position(event).offset as usize).collect();
    assert_eq!(places, ["{\"k\":\"a\"", "{\"k\":\"b\"", "{\"k\":\"c\""].map(|line| text.find(line).unwrap()));
    assert_eq!(batch.dead[0].position.offset as usize, text.find("bad").unwrap());
    assert_eq!(batch.dead[0].record, b"bad");
    assert_eq!(batch.max_time, Some(5_000_000));
    assert_eq!(batch.events.iter().map(|event| event.late_in_batch).collect::<Vec<_>>(), [false, true, false]);
    let waits = Declared { lateness: 2_000_000, ..Declared::default() };
    assert!(lines(&waits, text).events.iter().all(|event| !event.late_in_batch));
}

/// Three messages, the second of two lines, in a block of their own; received at 10, 20 and 30 ms.
fn messages(lines: [&str; 3]) -> Block {
    let (mut bytes, mut marks) = (vec![], vec![]);
    for (i, text) in (0..).zip(lines) {
        let (at, received) = (bytes.len() as u32, Some(i64::from(i + 1) * 10_000_000));
        marks.push(Mark { at, position: Position::message(7, 40 + u64::from(i / 2), i % 2), received, key: None });
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
    }
    Block { marks, start: Position::at(7, 40), end: Position::at(7, 42), ..support::block(Payload::Lines(bytes)) }
}

#[test]
fn a_record_of_a_message_stands_where_its_message_does() {
    let second = "{\"k\":\"b\",\"t\":2}\n{\"k\":\"b\",\"t\":3}\nbad";
    let block = messages(["{\"k\":\"a\",\"t\":1}", second, "\n{\"k\":\"c\",\"t\":4}"]);
    let batch = Declared::default().decoder().decode(block);
    let places: Vec<_> = batch.events.iter().map(|event| batch.position(event).to_string()).collect();
    assert_eq!(places, ["7:40", "7:40:1", "7:40:1+16", "7:41:0+1"]);
    assert_eq!(batch.dead[0].position, Position::message(7, 40, 1).within(32));
}

#[test]
fn a_message_has_the_key_of_its_first_event() {
    let lines = ["{\"k\":\"a\",\"t\":1}", "bad\n{\"k\":\"b\",\"t\":2}\n{\"k\":\"c\",\"t\":3}", "{\"k\":7,\"t\":4}"];
    let misrouted = |keys: [Option<&str>; 3]| {
        let mut block = messages(lines);
        for (mark, key) in block.marks.iter_mut().zip(keys) {
            mark.key = key.map(|key| MessageKey::of(key.as_bytes()));
        }
        Declared::default().decoder().decode(block).misrouted
    };
    assert_eq!(misrouted([Some("a"), Some("b"), Some("7")]), 0);
    assert_eq!(misrouted([Some("x"), Some("b"), Some("7")]), 1);
    assert_eq!(misrouted([Some("a"), Some("c"), Some("7.0")]), 3, "all events of such a message count");
    assert_eq!(misrouted([None, Some(""), None]), 2, "a message without a key has none of its events'");
}

#[test]
fn an_event_from_the_future_of_its_log_is_a_dead_letter() {
    let lines = ["{\"k\":\"a\",\"t\":15}", "{\"k\":\"b\",\"t\":25}\n{\"k\":\"b\",\"t\":26}", "{\"k\":\"c\",\"t\":36}"];
    let decode = |future: Option<i64>, marks: bool| {
        let mut block = messages(lines);
        if !marks {
            block.marks.clear();
        }
        Declared { future, ..Declared::default() }.decoder().decode(block)
    };
    let batch = decode(Some(5_000_000), true);
    assert_eq!(batch.events.iter().map(|event| event.time / 1_000_000).collect::<Vec<_>>(), [15, 25]);
    assert_eq!(batch.max_time, Some(25_000_000), "it does not move the watermark");
    assert_eq!(batch.dead.iter().map(|dead| dead.code).collect::<Vec<_>>(), [RecordCode::Future; 2]);
    assert_eq!(batch.dead[1].column.as_deref(), Some("t"));
    assert_eq!((batch.records, decode(None, true).events.len(), decode(Some(0), false).events.len()), (4, 4, 4));
}

#[test]
fn long_records() {
    let line = format!("{{\"k\":\"a\",\"t\":1,\"more\":\"{}\",\"i\":7}}", "x".repeat(1 << 20));
    check(&line, "a@1000000 i=7");
    let bad = &line[..line.len() - 1];
    let batch = json(&Declared::default(), bad);
    assert_eq!(batch.dead[0].record, bad.as_bytes()[..1024]);
    let line = format!("{{\"k\":\"a\",\"t\":1,\"more\":\"{}\"}}", "x".repeat(16 << 20));
    check(&line, "| TL2006");
    let batch = decode(&Declared::default(), Payload::TooLong(b"{\"k\"".to_vec()));
    assert_eq!((batch.records, batch.dead[0].code, &*batch.dead[0].record), (1, RecordCode::TooLong, &b"{\"k\""[..]));
}

#[test]
fn cells_of_csv_are_what_the_column_wants() {
    for (record, want) in [
        ("a,1,,,,", "a@1000000"),
        ("a,1,\"\",,,", "a@1000000 s="),
        ("a,1,x,1.5,7,true", "a@1000000 s=x f=1.5 i=7 b=true"),
        ("a,1, x , 1.5 , 7.0 , FALSE ", "a@1000000 s= x  f=1.5 i=7 b=false"),
        ("\"a\"\"b\",\"1\",\"x,\ny\",1e3,-1,True", "a\"b@1000000 s=x,\ny f=1000 i=-1 b=true"),
        ("7,1,007,+1.5,007,", "7@1000000 s=007 f=1.5 i=7"),
        ("a,1,null,,,", "a@1000000 s=null"),
        ("a,1,x,nan,inf,2", "a@1000000 s=x f=null i=null b=null | TL2012 f | TL2012 i | TL2010 b"),
        ("a,1,x,-Infinity,1.5,", "a@1000000 s=x f=null i=null | TL2012 f | TL2010 i"),
        ("a,1,x,unavailable,NULL,\"\"", "a@1000000 s=x f=null i=null b=null | TL2010 f | TL2010 i | TL2010 b"),
        ("a,1,x,1e999,99999999999999999999,", "a@1000000 s=x f=null i=null | TL2011 f | TL2011 i"),
        ("a,1,x,y,1e400,", "a@1000000 s=x f=null i=null | TL2010 f | TL2011 i"),
        (",1,,,,", "| TL2003 k"),
        ("\"\",1,,,,", "| TL2003 k"),
        ("a,,,,,", "| TL2004 t"),
        ("a,x,,,,", "| TL2004 t"),
        ("a,1,,,", "| TL2002"),
        ("a,1,,,,,", "| TL2002"),
        ("a,1,\"x\"y,,,", "| TL2002"),
        ("a,1,\"x,,,", "| TL2002"),
    ] {
        assert_eq!(
            show(&csv(&Declared::default(), &["k", "t", "s", "f", "i", "b"], record.as_bytes())),
            want,
            "{record}"
        );
    }
    assert_eq!(show(&csv(&Declared::default(), &["k", "t", "s"], b"a,1,\xff\nb,2,x\n\r\n")), "b@2000000 s=x | TL2001");
    // Of two columns of one name the last counts; a column that is not there is missing.
    assert_eq!(show(&csv(&Declared::default(), &["k", "t", "s", "s"], b"a,1,x,y")), "a@1000000 s=y");
    let nested = Declared { columns: vec![("s", "p.q", timeline_core::Type::String)], ..Declared::default() };
    assert_eq!(show(&csv(&nested, &["p.q", "k", "t"], b"x,a,1\r\n")), "a@1000000 s=x");
}

#[test]
fn header_changes_are_noticed() {
    let declared = Declared::default();
    let mut decoder = declared.decoder();
    for (header, record) in [(["k", "t", "s"], "a,1,x"), (["s", "t", "k"], "x,1,a")] {
        let header = header.map(String::from).as_slice().into();
        let batch = decoder.decode(support::block(Payload::Csv { header, delimiter: b',', bytes: record.into() }));
        assert_eq!(show(&batch), "a@1000000 s=x");
    }
}
