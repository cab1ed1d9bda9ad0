//! `timeline eval` on data as others write them: nulls, names that nothing has, packed files, times, lists, dialects of CSV,
//! keys of two names, files that are not in order, and a clock that is far ahead.

use super::{Run, Sandbox};
use std::io::Write;

/// The values of `--show final`, as `session value` a line.
fn values(run: &Run) -> String {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = run.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |row: serde_json::Value| {
        let metric = row["metric"].as_str().filter(|name| *name != "result").map(|name| format!("{name} "));
        format!("{} {}{}", row["session"].as_str().unwrap(), metric.unwrap_or_default(), row["value"])
    };
    rows.map(text).collect::<Vec<_>>().join("\n")
}

fn eval(program: &str, name: &str, input: impl AsRef<[u8]>) -> Run {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", program);
    sandbox.file(name, input);
    sandbox.run(&["eval", "p.tl", name])
}

#[track_caller]
fn says(run: &Run, wanted: &[&str]) {
    for text in wanted {
        assert!(run.stderr.contains(text), "{text} is not in:\n{}", run.stderr);
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn nulls_of_producers_that_write_all_columns() {
    let clear =
        "source s { key k  time t in s  on: bool, w: float, z: string }\nmetric m = duration_where(latest(on))\n";
    let line = |t: u32, members: &str| format!("{{\"k\":\"a\",\"t\":{t},{members}}}\n");
    let mut events = line(0, "\"on\":true,\"w\":null,\"z\":null");
    (1..20).for_each(|t| events += &line(t, "\"on\":null,\"w\":1.5,\"z\":null"));
    let wide = clear.replace("latest(on)", "latest(on) && latest(w) != 7 && latest(z) != \"x\"");
    let run = eval(&wide, "e.ndjson", &events);
    says(&run, &["TL2143", "20 of 20 events carry nulls", "null is missing"]);
    let missing = clear.replace("time t in s", "time t in s  null is missing");
    let run = eval(&missing, "e.ndjson", &events);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 19", ""));
    assert_eq!(values(&eval(clear, "e.ndjson", &events)), "a m 1");
}

#[test]
fn texts_in_other_letters_are_said() {
    let program = |text: &str| {
        format!(
            "source s {{ key k  time t in s  door: string }}\nmetric m = duration_where(latest(door) == \"{text}\")\n"
        )
    };
    let lines = "{\"k\":\"a\",\"t\":0,\"door\":\"open\"}\n{\"k\":\"a\",\"t\":5,\"door\":\"shut\"}\n";
    let run = eval(&program("Open"), "e.ndjson", lines);
    assert_eq!(values(&run), "a m 0");
    let said = "[TL2156] s: none of 2 records has the text `Open` in `door`, but `open`, `shut`; did you mean `open`?";
    says(&run, &[said, "help: ", "lower(COLUMN) == \"...\""]);
    says(&eval(&program(" open"), "e.ndjson", lines), &["has the text ` open` in `door`", "did you mean `open`?"]);
    for text in ["open", "ajar"] {
        assert_eq!(eval(&program(text), "e.ndjson", lines).stderr, "", "{text}");
    }
}

#[test]
fn texts_that_no_record_has_and_columns_that_none_has_together_are_said() {
    let source = "source s { key k  time t in s  door: string, watts: float }\n";
    let line = |t: u32, members: &str| format!("{{\"k\":\"a\",\"t\":{t},{members}}}\n");
    let mut apart: String =
        (0..12).map(|t| line(t, ["\"door\":\"open\"", "\"door\":\"shut\""][t as usize % 2])).collect();
    apart += &line(12, "\"watts\":9");
    let ajar = format!("{source}metric m = duration_where(latest(door) == \"ajar\") | aggregate(sum)\n");
    let run = eval(&ajar, "e.ndjson", &apart);
    says(&run, &["[TL2156] s: none of 13 records has the text `ajar` in `door`, but `open`, `shut`\n", "help: "]);
    // Whoever only tells others from it need not meet it.
    for denied in ["latest(door) != \"ajar\"", "latest(door) != \"\"", "has_existed(!(door == \"ajar\"))"] {
        let program = format!("{source}metric m = duration_where({denied}) | aggregate(sum)\n");
        assert_eq!(eval(&program, "e.ndjson", &apart).stderr, "", "{denied}");
    }
    let slip = format!("{source}metric m = duration_where(latest(door) != \"opne\") | aggregate(sum)\n");
    says(&eval(&slip, "e.ndjson", &apart), &["did you mean `open`?"]);
    let many: String = (0..100).map(|t| line(t, &format!("\"door\":\"d{t}\""))).collect();
    says(&eval(&ajar, "e.ndjson", many), &["has the text `ajar` in `door`, but for example `d0`, `d1`\n"]);
    let both = format!("{source}metric m = count(watts > 5 && door == \"open\") | aggregate(sum)\n");
    let run = eval(&both, "e.ndjson", &apart);
    says(&run, &["[TL2158] s: none of 13 records has `door` and `watts` together\n", "latest(COLUMN)"]);
    let together = apart + &line(13, "\"watts\":9,\"door\":\"open\"");
    assert_eq!(eval(&both, "e.ndjson", together).stderr.matches("TL21").count(), 0);
}

#[test]
fn names_that_a_header_has_twice_and_points_among_commas_are_said() {
    let program = "source s { key id  time ts in s  v: float }\nmetric m = sum(v)\n";
    let run = eval(program, "e.csv", "id,ts,v,w,v\na,1,1,5,100\na,2,2,5,200\n");
    assert_eq!(values(&run), "a m 300");
    says(&run, &["[TL2154] s: columns 3 and 5 of", "are all called `v`; column 5 counts", "help: "]);
    // What nobody reads is of no concern.
    assert_eq!(eval(program, "e.csv", "id,ts,w,w,v\na,1,1,5,100\n").stderr, "");
    let mixed = "id;ts;v\na;1;2,5\na;2;1.234\n";
    let run = eval(program, "e.csv", mixed);
    assert_eq!(values(&run), "a m 3.734");
    says(&run, &["[TL2155] s: 1 number such as `1.234` was taken with a decimal point, beside 1 with a decimal comma"]);
    let clear = program.replace("in s", "in s  csv decimal \",\"");
    says(&eval(&clear, "e.csv", mixed), &["TL2010", "a point in a number whose decimal sign is a comma"]);
    assert_eq!(eval(program, "e.csv", "id;ts;v\na;1;2.5\na;2;1.234\n").stderr, "");
}

#[test]
fn names_that_nothing_has_are_said() {
    let run = eval(
        "source s { key id  time ts in s  celsius: float }\nmetric warm = duration_where(latest(celsius) > 8)\n",
        "e.csv",
        "id,ts,Celsius\nf,0,9\nf,60,3\n",
    );
    assert_eq!(values(&run), "f warm 0");
    says(&run, &["[TL2141] s: none of 2 records has the column `celsius`; did you mean `Celsius`?", "help: "]);
    let json = "{\"id\":\"f\",\"ts\":0,\"o\":{\"temp\":9},\"p\":[{\"key\":\"x\",\"value\":5}]}\n";
    let run = eval(
        "source s { key id  time ts in s  temp: float, x: int from \"p.x.value\" }\nmetric m = sum(x)\nmetric n = latest(temp)\n",
        "e.ndjson",
        json,
    );
    says(&run, &["`temp`; did you mean `o.temp`?", "TL2142", "\"p[key=x].value\""]);
    let run = eval("source s { key ID  time ts in s  order by seq  x: int }\nmetric m = sum(x)\n", "e.ndjson", json);
    says(&run, &["TL2003", "[TL2141] s: the one record does not have the key `ID`; did you mean `id`?"]);
    let run = eval(
        "source s { key id  time ts in s  order by seq  x: int from \"o.temp\" }\nmetric m = sum(x)\n",
        "e.ndjson",
        json,
    );
    says(&run, &["`seq`, which orders events of one time"]);
    // What is there, if only once, and as null, is not spoken of.
    let once = "{\"id\":\"f\",\"ts\":0}\n{\"id\":\"f\",\"ts\":1,\"x\":null}\n";
    let run = eval("source s { key id  time ts in s  x: int }\nmetric m = sum(x)\n", "e.ndjson", once);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_file_that_is_not_there_has_a_near_name() {
    let sandbox = Sandbox::new();
    sandbox.file("events.ndjson", "{\"k\":\"a\",\"t\":0}\n");
    sandbox.file("p.tl", "source s { key k  time t in s  on: bool }\nmetric m = count(on)\n");
    for args in [&["eval", "p.tl", "evnets.ndjson"][..], &["eval", "-e", "count(on)", "evnets.ndjson", "--key", "k"]] {
        let run = sandbox.run(args);
        assert_eq!(run.code, 4, "{}", run.stderr);
        says(&run, &["[TL2106] no file matches evnets.ndjson; did you mean `events.ndjson`?"]);
    }
}

const ON: &str = "source s { key k  time t in s  on: bool }\nmetric m = duration_where(latest(on))\n";
const LINES: &str =
    "{\"k\":\"a\",\"t\":0,\"on\":true}\n{\"k\":\"a\",\"t\":5,\"on\":false}\n{\"k\":\"a\",\"t\":9,\"on\":true}\n";

#[test]
fn packed_files_are_read_and_others_named() {
    assert_eq!(values(&eval(ON, "e.ndjson.gz", gzip(LINES))), "a m 5");
    assert_eq!(values(&eval(ON, "e.gz", gzip(LINES))), "a m 5");
    assert_eq!(values(&eval(ON, "e.ndjson", gzip(LINES))), "a m 5", "what it is decides, not its name");
    let members = [gzip(&LINES[..26]), gzip(&LINES[26..])].concat();
    assert_eq!(values(&eval(ON, "e.ndjson.gz", members)), "a m 5");
    assert_eq!(values(&eval(ON, "e.csv.gz", gzip("k;t;on\na;0;true\na;5;false\n"))), "a m 5");
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", ON);
    assert_eq!(values(&sandbox.feed(&["eval", "p.tl", "-"], &gzip(LINES))), "a m 5");
    assert_eq!(
        values(
            &sandbox
                .feed(&["eval", "-e", "duration_where(latest(on))", "-", "--key", "k", "--time", "t"], &gzip(LINES))
        ),
        "a 5"
    );
    let cut = gzip(&LINES.repeat(1000));
    let run = eval(ON, "e.ndjson.gz", &cut[..cut.len() - 20]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    for (name, bytes, what) in [
        ("e.ndjson", &b"\x28\xB5\x2F\xFD\0\0\0\0\0\0"[..], "packed by zstd"),
        ("e.csv", b"PK\x03\x04\x14\0\0\0\0\0", "a zip archive"),
        ("e.ndjson", b"PAR1\x15\x04\x15\x10PAR1", "Parquet"),
        ("e.csv", b"\xFF\xFEk\0,\0t\0\n\0", "UTF-16"),
        ("e.json", b"[\n {\"k\": \"a\", \"t\": 1},\n {\"k\": \"a\", \"t\": 2}\n]", "one array of JSON"),
    ] {
        let run = eval(ON, name, bytes);
        assert_eq!(run.code, 4, "{}", run.stderr);
        says(&run, &["[TL2140]", what, "help: "]);
        let run = sandbox.feed(&["eval", "p.tl", "-"], bytes);
        assert!(run.code == 4 && run.stderr.contains("TL2140") || what == "Parquet", "{}", run.stderr);
    }
}

#[test]
fn times_as_databases_and_offices_write_them() {
    let program = |time: &str| ON.replace("time t in s", &format!("time {time}"));
    let lines = |times: [&str; 2]| {
        format!(
            "{{\"k\":\"a\",\"t\":\"{}\",\"on\":true}}\n{{\"k\":\"a\",\"t\":\"{}\",\"on\":false}}\n",
            times[0], times[1]
        )
    };
    for times in [
        ["2020-01-01 02:30:00+00", "2020-01-01 02:30:05+00"],
        ["2020-01-01 02:30:00+0000", "2020-01-01 03:30:05+0100"],
        ["2020-01-01 02:30:00 UTC", "2020-01-01 02:30:05 UTC"],
        ["2020-01-01T02:30Z", "2020-01-01T02:30:05,0Z"],
        ["2020-01-01T02:30:00+00:00[Europe/London]", "2020-01-01T02:30:05Z"],
    ] {
        let run = eval(&program("t in rfc3339"), "e.ndjson", lines(times));
        assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 5", ""), "{times:?}");
    }
    let run =
        eval(&program("t in rfc3339"), "e.ndjson", lines(["2020-01-01T02:30:00.1234567891Z", "2020-01-01T02:30:05Z"]));
    says(&run, &["TL2145", "1 times have digits beyond the nanosecond"]);
    let run = eval(&program("t in s"), "e.ndjson", LINES.replace("\"t\":0", "\"t\":0.25"));
    assert_eq!(values(&run), "a m 4.75");
    let german = program("t as \"%d.%m.%Y %H:%M:%S\" in \"Europe/Berlin\"");
    // Over the change of the clocks: two hours of the wall are one.
    let run = eval(&german, "e.ndjson", lines(["31.03.2024 01:30:00", "31.03.2024 03:30:00"]));
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 3600", ""));
    let run = eval(&german, "e.ndjson", lines(["27.10.2024 02:30:00", "27.10.2024 03:30:00"]));
    assert_eq!(values(&run), "a m 7200");
    says(&run, &["TL2144", "1 local times stand for two instants"]);
    let run = eval(&german, "e.ndjson", lines(["31.03.2024 02:30:00", "31.03.2024 03:30:00"]));
    says(&run, &["TL2004", "a local time that a change of the clocks leaves out in Europe/Berlin"]);
    for (time, wanted) in [
        ("t as \"%d.%m\"", "TL0309"),
        ("t as \"%d.%m.%Y\" in \"Berlin\"", "did you mean \"Europe/Berlin\"?"),
        ("t as \"%d.%m.%Y\" in \"Europe/Berlni\"", "did you mean \"Europe/Berlin\"?"),
    ] {
        let run = eval(&program(time), "e.ndjson", "");
        assert_eq!(run.code, 1, "{}", run.stderr);
        says(&run, &[wanted]);
    }
}

#[test]
fn an_hour_that_comes_twice_is_read_twice_in_its_order() {
    let program = "source s { key k  time t as \"%Y-%m-%d %H:%M\" in \"Europe/Berlin\"  n: int }\n\
                   metric came = latest(time_of(n > 0))\n";
    let twice = [
        ("01:59", "2024-10-26T23:59"),
        ("02:30", "2024-10-27T00:30"),
        ("02:45", "2024-10-27T00:45"),
        ("02:10", "2024-10-27T01:10"),
        ("02:40", "2024-10-27T01:40"),
        ("03:00", "2024-10-27T02:00"),
    ];
    let mut csv = String::from("k,t,n\n");
    for (i, (local, _)) in twice.iter().enumerate() {
        csv += &format!("r{i},2024-10-27 {local},1\n");
    }
    let wanted = twice.iter().enumerate().map(|(i, (_, utc))| format!("r{i} came \"{utc}:00.000000000Z\""));
    let run = eval(program, "e.csv", &csv);
    assert_eq!(values(&run), wanted.collect::<Vec<_>>().join("\n"));
    says(&run, &["TL2144", "4 local times stand for two instants", "the first of both that is not before the record"]);
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", program);
    sandbox.file("e.csv", &csv);
    let late = sandbox.run(&["eval", "p.tl", "e.csv", "--show", "late_events", "--format", "jsonl"]);
    assert_eq!((late.code, late.stdout.as_str()), (0, ""), "{}", late.stderr);
}

#[test]
fn parameters_in_a_list() {
    let program = "source s { key u  time t in s
  spent: int from \"params[key=spent].value.int\"
  page: string from \"params[key=page].value.text\"
  first: string from \"params[0].key\"
}
metric spent = sum(spent)
metric pages = count(page != \"\")
metric firsts = count(first == \"page\")
";
    let param = |key: &str, value: &str| format!("{{\"key\":\"{key}\",\"value\":{value}}}");
    let line = |t: u32, params: &[String]| format!("{{\"u\":\"a\",\"t\":{t},\"params\":[{}]}}\n", params.join(","));
    let (page, spent) = (param("page", "{\"text\":\"/\"}"), param("spent", "{\"int\":4}"));
    let events = line(0, std::slice::from_ref(&page))
        + &line(1, &[spent.clone(), page.clone()])
        + &line(2, &[page, spent])
        + &line(3, &[]);
    let run = eval(program, "e.ndjson", events);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a spent 8\na pages 3\na firsts 2", ""));
    assert_eq!(eval(&program.replace("[0]", "[x]"), "e.ndjson", "").code, 1);
}

#[test]
fn dialects_of_csv() {
    let program = "source s { key geraet  time Zeit in rfc3339\n  geraet: string from \"Gerät\"\n  w: float from \"Leistung\" }\n\
                   metric wh = integral(latest(w)) / 3600\n";
    let rows = "\u{feff}Gerät;Zeit;Leistung\nKühlschrank;2024-05-05 22:00:00;81,5\nKühlschrank;2024-05-05 23:00:00;\n";
    let run = eval(program, "e.csv", rows);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("Kühlschrank wh 81.5", ""));
    let clause = program.replace("time Zeit", "csv delimiter \"~\" decimal \",\"  time Zeit");
    assert_eq!(values(&eval(&clause, "e.csv", rows.replace(';', "~"))), "Kühlschrank wh 81.5");
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", program);
    sandbox.file("e.csv", rows.replace(';', "~"));
    let run = sandbox.run(&["eval", "p.tl", "e.csv", "--delimiter", "~", "--decimal", ","]);
    assert_eq!(values(&run), "Kühlschrank wh 81.5");
    sandbox.file("small.csv", "id;ts;x\na;0;1,5\na;5;2\n");
    let run = sandbox.run(&["eval", "-e", "sum(x)", "small.csv"]);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a 3.5", ""));
    let words =
        "source s { key k  time t in s  v: float null \"NaN\", \"\" }\nmetric on = duration_where(latest(v) == 1)\n";
    assert_eq!(values(&eval(words, "e.csv", "k,t,v\na,0,1\na,5,NaN\na,9,1\na,11,\na,20,1\n")), "a on 7");
}

#[test]
fn keys_of_two_names_are_joined_where_that_is_said() {
    let program = "source power { key meter  time at in s  watts: float }\nsource prices { key device  time at in s  price: float }\n\
                   metric cost = integral(latest(watts) * latest(price))\n";
    let sandbox = Sandbox::new();
    sandbox.file("power.ndjson", "{\"meter\":\"a\",\"at\":0,\"watts\":2}\n{\"meter\":\"a\",\"at\":10,\"watts\":0}\n");
    sandbox.file("prices.ndjson", "{\"device\":\"a\",\"at\":0,\"price\":3}\n");
    sandbox.file("p.tl", program);
    let args = ["eval", "p.tl", "power=power.ndjson", "prices=prices.ndjson"];
    let run = sandbox.run(&args);
    assert_eq!(run.code, 1, "{}", run.stderr);
    says(&run, &["TL0308", "keyed by `meter`", "by `device`", "`key device as meter`"]);
    sandbox.file("p.tl", program.replace("key meter", "key meter as device"));
    assert_eq!(values(&sandbox.run(&args)), "a cost 60");
}

#[test]
fn files_that_are_not_in_order() {
    let sandbox = Sandbox::new();
    let csv = "entity_id,state,last_changed\na,on,2024-05-05T05:00:00Z\na,off,2024-05-05T06:00:00Z\n\
               b,on,2024-05-05T01:00:00Z\nb,off,2024-05-05T02:00:00Z\nb,on,2024-05-05T01:30:00Z\n";
    sandbox.file("e.csv", csv);
    let key = ["--key", "entity_id", "--time", "last_changed"];
    let expression = "duration_where(latest(state) == \"on\")";
    let run = sandbox.run(&[&["eval", "-e", expression, "e.csv"][..], &key].concat());
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a 3600\nb 3600", ""));
    let run = sandbox.feed(&[&["eval", "-e", expression, "-"][..], &key].concat(), csv.as_bytes());
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a 3600\nb 3600", ""));
    let program = format!(
        "source ha {{ key entity_id  time last_changed in rfc3339  state: string }}\nmetric result = {expression}\n"
    );
    sandbox.file("p.tl", &program);
    let run = sandbox.run(&["eval", "p.tl", "e.csv"]);
    assert_eq!(values(&run), "a 3600");
    says(&run, &["3 events of 1 key are behind", "by 5h at most", "`lateness 5h`", "--sorted"]);
    sandbox.file("q.tl", program.replace("state:", "lateness 5h  state:"));
    let run = sandbox.run(&["eval", "q.tl", "e.csv"]);
    assert_eq!(
        (values(&run).as_str(), run.stderr.as_str()),
        ("a 3600\nb 3600", ""),
        "the clause that is named mends it"
    );
    let run = sandbox.run(&["eval", "p.tl", "e.csv", "--sorted"]);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a 3600\nb 3600", ""));
    let run = sandbox.run(&["eval", "p.tl", "e.csv", "--show", "late_events"]);
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    assert!(run.stdout.contains("\"reason\":\"behind the watermark\""), "{}", run.stdout);
    sandbox.file("bad.csv", format!("{csv},x,y\n"));
    let run = sandbox.run(&["eval", "p.tl", "bad.csv", "--show", "dead_letters"]);
    assert!(run.stdout.contains("TL2003") && run.stdout.lines().count() == 1, "{}", run.stdout);
}

#[test]
fn one_event_far_ahead_is_said_with_its_place_and_what_is_late_because_of_it() {
    let sandbox = Sandbox::new();
    let line = |key: &str, t: &str, on: bool| format!("{{\"k\":\"{key}\",\"t\":\"{t}\",\"on\":{on}}}\n");
    let mut lines: Vec<String> = (0..6).map(|i| line("a", &format!("2026-07-01T10:00:{i}0Z"), i % 2 == 0)).collect();
    lines.insert(2, line("b", "2099-01-01T00:00:00Z", true));
    let place = lines[..2].concat().len();
    sandbox.file("p.tl", ON.replace("time t in s", "time t in rfc3339"));
    sandbox.file("e.ndjson", lines.concat());
    let event = format!("[TL2146] s: the event at 0:{place} of ");
    let far = "e.ndjson says 2099-01-01T00:00:00Z, 26481 days after all before it; ";
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson"]);
    assert_eq!(values(&run), "a m 10\nb m 0");
    let wanted = format!("{far}because of it 4 events behind it are late\n  help: ");
    says(&run, &["4 events of 1 key are behind", &event, &wanted, "`future` in the source", "--until"]);
    assert!(!run.stderr.contains("`lateness"), "nobody waits for 73 years: {}", run.stderr);
    assert_eq!(run.stderr.matches("TL2146").count(), 1, "{}", run.stderr);
    // What is recommended: all are waited for, and what is ahead is left out.
    let expression = ["eval", "-e", "duration_where(latest(on))", "--key", "k", "--time", "t", "e.ndjson"];
    let run = sandbox.run(&expression);
    assert_eq!(values(&run), "a 30\nb 0");
    let event_of_expression = event.replacen(" s:", " events:", 1);
    says(
        &run,
        &[
            &event_of_expression,
            &format!("{far}4 events behind it are earlier, and what is open is read at its time\n"),
        ],
    );
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--sorted", "--until", "2026-07-02T00:00:00Z"]);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 30", ""));
    // Two may be late for themselves.
    sandbox.file("few.ndjson", lines[..5].concat());
    let run = sandbox.run(&["eval", "p.tl", "few.ndjson"]);
    says(&run, &["2 events of 1 key are behind", "`lateness"]);
    assert!(!run.stderr.contains("TL2146"), "{}", run.stderr);
    let serve = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", "state", "--source"];
    let run = sandbox.run(&[&serve[..], &["file:e.ndjson"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    says(&run, &[&event, far, "because of it 4 events behind it are late"]);
    assert_eq!(run.stderr.matches("TL2146").count(), 1, "{}", run.stderr);
}

#[cfg(feature = "sql")]
#[test]
fn one_event_far_ahead_is_in_the_remarks_of_queries() {
    let sandbox = Sandbox::new();
    let line = |t: i64| format!("{{\"k\":\"a\",\"t\":{t},\"on\":true}}\n");
    sandbox.file("p.tl", ON);
    sandbox.file("e.ndjson", [0, 4_000_000_000, 1, 2, 3].map(line).concat());
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    let mut processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let rows = processor.rows(&sandbox, "SELECT remarks FROM queries", &["--sync"]).unwrap();
    let remarks = rows[0]["remarks"].as_str().unwrap_or_default();
    assert!(remarks.contains("[TL2146] s: the event at 0:") && remarks.contains(" 3 events behind it"), "{remarks}");
    processor.signal("TERM");
    let (code, stderr) = processor.ends(30);
    assert_eq!((code, stderr.matches("TL2146").count()), (Some(0), 1), "{stderr}");
}

#[test]
fn a_file_that_lacks_a_column_of_the_others_is_named() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", ON);
    sandbox.file("a.csv", "k,t,on\na,0,true\na,5,false\n");
    sandbox.file("b.csv", "k,t,On\na,10,true\na,15,false\n");
    let run = sandbox.run(&["eval", "p.tl", "a.csv", "b.csv"]);
    assert_eq!(values(&run), "a m 5");
    says(&run, &["[TL2148] s: ", "b.csv has no column `on`, which others have\n", "help: compare its header"]);
    assert_eq!(run.stderr.matches("TL21").count(), 1, "{}", run.stderr);
    // What none has is said once, and a file that has more lacks nothing.
    let run = sandbox.run(&["eval", "p.tl", "b.csv"]);
    assert!(run.stderr.contains("TL2141") && !run.stderr.contains("TL2148"), "{}", run.stderr);
    sandbox.file("b.csv", "more,t,k,on\nx,10,a,true\nx,15,a,false\n");
    let run = sandbox.run(&["eval", "p.tl", "a.csv", "b.csv"]);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 10", ""));
}

#[cfg(feature = "sql")]
#[test]
fn a_deployment_says_what_the_records_say_of_it() {
    let sandbox = Sandbox::new();
    let program = |more: &str| format!("source s {{ key k  time t in s  on: bool, x: float }}\n{more}\n");
    sandbox.file("p.tl", program("metric m = duration_where(latest(on))\nmetric n = count(on)"));
    let line = |t: u32| format!("{{\"k\":\"a\",\"t\":{t},\"on\":true,\"X\":1}}\n");
    sandbox.file("e.ndjson", (0..12).map(line).collect::<String>());
    let mut processor =
        crate::cluster::Processor::start(sandbox.command(), &["p.tl", "--source", "file:e.ndjson", "--state", "state"]);
    let rows = processor.rows(&sandbox, "SELECT value FROM n", &["--sync"]).unwrap();
    assert_eq!(rows.len(), 1);
    sandbox.file("b.tl", program("metric m = duration_where(latest(on))\nmetric n = sum(x)"));
    let run = sandbox.run(&["deploy", "b.tl", "--server", &processor.url]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    says(&run, &["n: [TL2141] s: none of 12 records has the column `x`; did you mean `X`?"]);
    assert_eq!(run.stderr.matches("TL2141").count(), 1, "of what is new alone: {}", run.stderr);
    processor.signal("TERM");
    assert_eq!(processor.ends(30).0, Some(0));
}

#[test]
fn times_in_another_unit_than_the_program_says_are_said() {
    let sandbox = Sandbox::new();
    let line = |i: u64| format!("{{\"k\":\"a\",\"t\":{},\"on\":{}}}\n", 1_764_547_200 + i * 60, i.is_multiple_of(2));
    sandbox.file("p.tl", ON.replace("time t in s", "time t in ms"));
    sandbox.file("e.ndjson", (0..12).map(line).collect::<String>());
    let said = "[TL2147] s: all times are in 1970, from 1970-01-21T10:09:07.2Z to 1970-01-21T10:09:07.86Z; is `t` in s? \
                In that they are from 2025-12-01T00:00:00Z to 2025-12-01T00:11:00Z";
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson"]);
    assert_eq!(values(&run), "a m 0.36", "nothing else is done about it");
    says(&run, &[said, "help: name the unit of the records in the source's `time` clause"]);
    let serve = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", "state", "--source"];
    let run = sandbox.run(&[&serve[..], &["file:e.ndjson"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr.matches(said).count(), 1, "{}", run.stderr);
    let doctor = sandbox.run(&["doctor", "p.tl", "--state", "none", "--source", "file:e.ndjson"]);
    assert!(doctor.stdout.contains("[TL2147] all times are in 1970"), "{}", doctor.stdout);
    // As it is meant, and small times that somebody made up.
    sandbox.file("p.tl", ON);
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson"]);
    assert_eq!((values(&run).as_str(), run.stderr.as_str()), ("a m 360", ""));
    sandbox.file("small.ndjson", "{\"k\":\"a\",\"t\":0,\"on\":true}\n{\"k\":\"a\",\"t\":60,\"on\":false}\n");
    for unit in ["s", "ms", "us", "ns"] {
        sandbox.file("p.tl", ON.replace("time t in s", &format!("time t in {unit}")));
        assert_eq!(sandbox.run(&["eval", "p.tl", "small.ndjson"]).stderr, "", "{unit}");
    }
}

#[test]
fn serve_refuses_what_is_not_there_unless_it_is_to_wait() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", ON);
    sandbox.file("events.ndjson", LINES);
    let serve = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", "state", "--source"];
    let run = sandbox.run(&[&serve[..], &["file:evnets.ndjson"]].concat());
    assert_eq!(run.code, 3, "{}", run.stderr);
    says(&run, &["[TL2106] no file matches evnets.ndjson; did you mean `events.ndjson`?", "--wait-for-sources"]);
    let run = sandbox.run(&[&serve[..], &["file:evnets.ndjson", "--wait-for-sources"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    sandbox.file("events.csv", "k,t,On\na,0,true\n");
    let run = sandbox.run(&[&serve[..6], &["state2", "--source", "file:events.csv"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    says(&run, &["TL2141", "did you mean `On`?"]);
}

#[cfg(feature = "sql")]
#[test]
fn a_deployment_that_is_planned_says_what_nobody_has() {
    // Of a few records nothing is said.
    for (records, is_said) in [(12, 1), (9, 0)] {
        let sandbox = Sandbox::new();
        sandbox.file("p.tl", ON);
        sandbox.file("more.tl", "source s { key k  time t in s  u: float }\nmetric more = sum(u)\n");
        let lines = (0..records).map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"on\":true}}\n")).collect::<String>();
        sandbox.file("e.ndjson", lines);
        let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
        let processor = crate::cluster::Processor::start(sandbox.command(), &args);
        processor.rows(&sandbox, "SELECT name FROM queries", &["--sync"]).unwrap();
        let said = |program: &str| {
            let run = sandbox.run(&["deploy", "--plan", program, "--server", &processor.url]);
            assert_eq!(run.code, 0, "{}", run.stderr);
            run.stderr.matches("[TL2141] s: none of 12 records has the column `u`").count()
        };
        assert_eq!(said("more.tl"), is_said);
        assert_eq!(said("p.tl"), 0, "what runs is not told of anew");
    }
}

#[cfg(feature = "sql")]
#[test]
fn what_nobody_has_is_said_of_each_query_until_it_comes() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        "source s { key k  time t in s  on: bool, x: float }\nmetric m = duration_where(latest(on))\nmetric n = sum(x)\n\
         alert a = latest(x) > 1\n",
    );
    let lines: String = (0..12).map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"on\":true,\"X\":1}}\n")).collect();
    sandbox.file("e.ndjson", &lines);
    let said = "[TL2141] s: none of 12 records has the column `x`; did you mean `X`?";
    // A program that is not deployed yet is looked at, too.
    let doctor = sandbox.run(&["doctor", "p.tl", "--state", "state", "--source", "file:e.ndjson"]);
    assert_eq!(doctor.stdout.matches("did you mean `X`?").count(), 1, "{}", doctor.stdout);
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    let mut processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let remarks = || {
        let rows = processor.rows(&sandbox, "SELECT name, remarks FROM queries ORDER BY name", &["--sync"]).unwrap();
        rows.iter().map(|row| row["remarks"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(remarks(), [Some(said.to_owned()), None, Some(said.to_owned())], "of those that read it");
    let listed = sandbox.run(&["queries", "--format", "jsonl", "--server", &processor.url]);
    assert_eq!(listed.stdout.matches("TL2141").count(), 2, "{}", listed.stdout);
    sandbox.file("e.ndjson", lines + "{\"k\":\"a\",\"t\":12,\"x\":2}\n");
    assert_eq!(remarks(), [None, None, None]);
    processor.signal("TERM");
    let (code, stderr) = processor.ends(30);
    assert_eq!(code, Some(0));
    for said in [said, "[TL2141] s: no longer so: `x` is there after all, in one of 13 records"] {
        assert_eq!(stderr.matches(said).count(), 1, "{stderr}");
    }
    let doctor = sandbox.run(&["doctor", "p.tl", "--state", "state", "--source", "file:e.ndjson"]);
    assert!(!doctor.stdout.contains("TL2141"), "{}", doctor.stdout);
}

#[cfg(feature = "sql")]
#[test]
fn every_answer_says_what_spoils_it() {
    let sandbox = Sandbox::new();
    let source = "source s { key k  time t in ms  on: bool, x: float }";
    sandbox.file("p.tl", format!("{source}\nmetric m = duration_where(latest(on))\nmetric n = sum(x)\n"));
    let line = |i: u64| format!("{{\"k\":\"a\",\"t\":{},\"on\":true}}\n", 1_764_547_200 + i * 60);
    sandbox.file("e.ndjson", (0..12).map(line).collect::<String>());
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    let processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let unit = "[TL2147] s: all times are in 1970";
    let column = "[TL2141] s: none of 12 records has the column `x`";
    for (ask, has_column) in [
        (&["query", "SELECT * FROM m"][..], 0),
        (&["query", "SELECT * FROM n"][..], 1),
        (&["query", "SELECT * FROM finals"][..], 1),
        (&["query", "SELECT * FROM finals WHERE metric = 'm'"][..], 0),
        (&["outliers", "m"][..], 0),
        (&["session", "a"][..], 1),
        (&["session", "a", "--query", "m"][..], 0),
    ] {
        let run = sandbox.run(&[ask, &["--sync", "--server", &processor.url]].concat());
        assert_eq!(run.code, 0, "{ask:?}: {}", run.stderr);
        let said = [unit, column].map(|text| run.stderr.matches(text).count());
        assert_eq!(said, [1, has_column], "{ask:?}: {}", run.stderr);
    }
    // What asks how it is with the processor is no answer about its records.
    let run = sandbox.run(&["query", "SELECT * FROM partitions", "--server", &processor.url]);
    assert!(!run.stderr.contains("TL21"), "{}", run.stderr);
}
