//! Tables: files that are read beside a program, mistakes in them, and files that are made to hurt.

use super::{Run, Sandbox};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROGRAM: &str = r#"
source power {
  key  meter
  time at in s
  zone: string, watts: float
}
table tariff from "tariff.csv" { key zone  from since in s until till  price: float, plan: string }
metric cost  = integral(latest(watts) * tariff[latest(zone)].price)
metric night = duration_where(tariff[latest(zone)].plan == "night")
"#;

const TARIFF: &str = "zone,since,till,price,plan\nnorth,,50,2,day\nnorth,100,,3,night\nsouth,0,,1,\n";

const POWER: &str =
    "meter,at,zone,watts\na,0,north,10\nb,10,south,10\na,120,,20\nb,130,west,\na,140,,0\nb,150,south,0\n";

/// 10 W at 2 up to 50, at 3 from 100 to 120, then 20 W at 3 to 140; and 10 W at 1 from 10 to 130, then nothing.
const COSTS: [(&str, f64); 2] = [("a", 10.0 * 50.0 * 2.0 + 10.0 * 20.0 * 3.0 + 20.0 * 20.0 * 3.0), ("b", 1200.0)];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("tariff.csv", TARIFF);
    sandbox.file("power.csv", POWER);
    sandbox
}

#[track_caller]
fn costs(run: &Run) -> Vec<(String, f64)> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = run.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a row"));
    let costs = rows.filter(|row| row["metric"] == "cost");
    costs.map(|row| (row["session"].as_str().unwrap().to_owned(), row["value"].as_f64().unwrap())).collect()
}

const EVAL: [&str; 5] = ["eval", "p.tl", "power.csv", "--format", "jsonl"];

#[test]
fn cost_follows_the_rows_in_force() {
    let sandbox = sandbox();
    assert_eq!(sandbox.run(&["check", "p.tl"]).expect(0, "").stderr, "");
    let found = costs(&sandbox.run(&EVAL));
    assert_eq!(found, COSTS.map(|(meter, cost)| (meter.to_owned(), cost)));
    let explained = sandbox.run(&["explain", "p.tl"]);
    assert!(explained.stdout.contains("tariff[…].price"), "{}", explained.stdout);
    assert!(explained.stdout.contains("where a row begins or ends"), "{}", explained.stdout);
}

#[test]
fn rows_of_an_hour_that_comes_twice_follow_one_another() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        r#"
source s { key k  time t in rfc3339  zone: string }
table tariff from "tariff.csv" { key zone  from since as "%Y-%m-%d %H:%M" in "Europe/Berlin" until till  price: int }
metric price = latest(at(zone, tariff[zone].price))
"#,
    );
    let rows = "zone,since,till,price\n\
                n,2024-10-27 01:30,2024-10-27 02:30,1\n\
                n,2024-10-27 02:30,2024-10-27 02:00,2\n\
                n,2024-10-27 02:00,2024-10-27 02:30,3\n\
                n,2024-10-27 02:30,2024-10-27 03:00,4\n";
    sandbox.file("tariff.csv", rows);
    let instants = ["00:29:59", "00:30:00", "00:59:59", "01:00:00", "01:29:59", "01:30:00", "01:59:59", "02:00:00"];
    let event = |(i, time): (usize, &&str)| format!("{{\"k\":\"r{i}\",\"t\":\"2024-10-27T{time}Z\",\"zone\":\"n\"}}\n");
    sandbox.file("e.ndjson", instants.iter().enumerate().map(event).collect::<String>());
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--format", "jsonl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("a row")["value"].as_i64();
    let prices: Vec<i64> = run.stdout.lines().filter_map(of).collect();
    assert_eq!(prices, [1, 2, 2, 3, 3, 4, 4], "{}", run.stdout);
}

#[test]
fn every_format_says_the_same() {
    let sandbox = sandbox();
    let wanted = costs(&sandbox.run(&EVAL));
    let file = |from: &str| sandbox.file("p.tl", PROGRAM.replace("tariff.csv", from));
    let lines = "{\"zone\":\"south\",\"since\":0,\"price\":1}\n\
                 {\"zone\":\"north\",\"till\":50.0,\"price\":2.0,\"plan\":\"day\"}\n\n\
                 {\"zone\":\"north\",\"since\":\"100\",\"till\":null,\"price\":\"3\",\"plan\":\"night\"}\n";
    sandbox.file("tariff.ndjson", lines);
    file("tariff.ndjson");
    assert_eq!(costs(&sandbox.run(&EVAL)), wanted);
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    packed.write_all(TARIFF.as_bytes()).unwrap();
    sandbox.file("tariff.csv.gz", packed.finish().unwrap());
    file("tariff.csv.gz");
    assert_eq!(costs(&sandbox.run(&EVAL)), wanted);
    sandbox.file("tariff.txt", TARIFF.replace(',', ";").replace(";2;", ";2,0;"));
    file("tariff.txt");
    assert_eq!(costs(&sandbox.run(&EVAL)), wanted);
    sandbox.file("tariff.parquet", columns());
    file("tariff.parquet");
    assert_eq!(costs(&sandbox.run(&EVAL)), wanted);
}

/// The tariff as a file of columns.
fn columns() -> Vec<u8> {
    let columns: [(&str, ArrayRef); 5] = [
        ("zone", Arc::new(StringArray::from(vec!["north", "north", "south"]))),
        ("since", Arc::new(Int64Array::from(vec![None, Some(100), Some(0)]))),
        ("till", Arc::new(Int64Array::from(vec![Some(50), None, None]))),
        ("price", Arc::new(Float64Array::from(vec![2.0, 3.0, 1.0]))),
        ("plan", Arc::new(StringArray::from(vec![Some("day"), Some("night"), None]))),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(vec![], rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn mistakes_in_a_file_are_named_with_their_lines() {
    let sandbox = sandbox();
    let refused = |tariff: &str, says: &[&str]| {
        sandbox.file("tariff.csv", tariff);
        for args in [&["check", "p.tl"][..], &EVAL] {
            let run = sandbox.run(args);
            assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{tariff}: {}", run.stderr);
            for text in says {
                assert!(run.stderr.contains(text), "{text} is not in {}", run.stderr);
            }
        }
    };
    let head = "zone,since,till,price,plan\n";
    let with = |rows: &str| format!("{head}{rows}");
    refused(
        &with("north,0,,2,\nsouth,0,,cheap,\n"),
        &["TL0504", "p.tl:7", "tariff.csv: line 3: `price` is other text where a float is expected"],
    );
    refused(&with("north,soon,,2,\n"), &["TL0504", "line 2: `since` is ", "from since in s until till"]);
    refused(&with("north,0,,2,\n,0,,2,\n"), &["TL0504", "line 3: the key `zone` is missing"]);
    refused(&with("north,5,5,2,\n"), &["TL0504", "line 2 ends before it has begun"]);
    refused(&with("north,0,,2\n"), &["TL0504", "line 2: 4 cells where the header has 5"]);
    refused(
        &with("north,0,10,2,\nsouth,0,,1,\n\nnorth,9,,2,\n"),
        &["TL0505", "line 2 and line 5 both speak of `north` at one instant"],
    );
    refused(&with("north,0,,2,\nnorth,0,,2,\n"), &["TL0505", "line 2 and line 3"]);
    refused(&TARIFF.replace("price", "prices"), &["TL0503", "has no column `price`", "did you mean `prices`?"]);
    refused(&TARIFF.replace("till", "until"), &["TL0503", "has no column `till`", "`zone`"]);
    refused(head, &["TL0504", "tariff.csv has no row"]);
    refused("", &["TL050"]);
    refused("PK\u{3}\u{4}\u{14}\0", &["TL0501", "a zip archive"]);
    sandbox.file("p.tl", PROGRAM.replace("tariff.csv", "lost/tariff.csv"));
    refused(TARIFF, &["TL0501", "cannot read lost/tariff.csv", "help: the file is looked for beside the program"]);
    sandbox.file("p.tl", PROGRAM.replace("tariff.csv", "."));
    refused(TARIFF, &["TL0501", "is no file"]);
    sandbox.file("p.tl", PROGRAM.replace("key zone", "zone: int, key zone"));
    refused(TARIFF, &["TL0504", "line 2: `zone` is other text where an int is expected", "p.tl:7"]);
    sandbox.file("p.tl", PROGRAM.replace("latest(zone)].price", "latest(watts)].price"));
    refused(TARIFF, &["TL0204", "the table is asked for `zone`, a string, by state<float>"]);
}

#[test]
fn files_that_are_made_to_hurt_are_refused_soon() {
    let sandbox = sandbox();
    let tried = |what: &str, bytes: Vec<u8>, says: &str| {
        sandbox.file("tariff.csv", bytes);
        let began = Instant::now();
        let mut command = sandbox.command();
        let run = super::finish(command.args(["check", "p.tl"]));
        assert_eq!(run.code, i32::from(!says.is_empty()), "{what}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{what}: {says} is not in {}", run.stderr);
        assert!(run.stderr.len() < 10_000, "{what}: {} bytes are said", run.stderr.len());
        assert!(began.elapsed() < Duration::from_secs(60), "{what} took {:?}", began.elapsed());
    };
    let head = "zone,since,till,price,plan\n";
    let mut seed = 7u64;
    let noise = |_: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    tried("noise", (0..1 << 20).map(noise).collect(), "TL05");
    tried("a quote that does not end", format!("{head}\"{}", "a,b\n".repeat(1 << 22)).into_bytes(), "TL050");
    tried("a header that does not end", format!("\"{}", "a,b\n".repeat(1 << 22)).into_bytes(), "TL050");
    tried("a cell of megabytes", format!("{head}{},0,,1,\n", "z".repeat(1 << 24)).into_bytes(), "TL0504");
    tried("too much", vec![b'a'; (64 << 20) + 1], "TL0502");
    let mut bomb = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    (0..80).for_each(|_| bomb.write_all(&vec![b'a'; 1 << 20]).unwrap());
    tried("80 MiB that are packed", bomb.finish().unwrap(), "TL0502");
    let rows: String = (0..1_000_000).map(|n| format!("z{n},0,,1,\n")).collect();
    tried("a million rows", format!("{head}{rows}").into_bytes(), "");
    let rows = "a,0,,1,\n".repeat(2_000_001);
    tried("more rows than there may be", format!("{head}{rows}").into_bytes(), "TL0502");
}

#[test]
fn a_table_of_too_many_values_is_refused() {
    let sandbox = sandbox();
    let columns: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let types: Vec<String> = columns.iter().map(|name| format!("{name}: int")).collect();
    sandbox.file(
        "wide.tl",
        format!(
            "source power {{ key meter  time at in s  zone: string }}\n\
             table wide from \"wide.csv\" {{ key zone  {} }}\nmetric m = duration_where(wide[latest(zone)].c7 > 1)\n",
            types.join(", ")
        ),
    );
    let check = |rows: usize| {
        let nothing = ",".repeat(columns.len());
        let rows = (0..rows).map(|n| format!("z{n}{nothing}\n"));
        sandbox.file("wide.csv", format!("zone,{}\n{}", columns.join(","), rows.collect::<String>()));
        sandbox.run(&["check", "wide.tl"])
    };
    check(10).expect(0, "");
    let run = check(390_300);
    assert!(run.code == 1 && run.stderr.contains("TL0502"), "{}", run.stderr);
    assert!(run.stderr.contains("more than 16000000 values"), "{}", run.stderr);
}

#[test]
fn a_table_of_which_no_row_is_found_is_said() {
    let sandbox = sandbox();
    sandbox.file("tariff.csv", TARIFF.replace("north", "North").replace("south", "South"));
    let few = sandbox.run(&EVAL);
    assert!(few.code == 0 && !few.stderr.contains("TL2157"), "six records are few: {}", few.stderr);
    let more: String = (0..6).map(|i| format!("c,{},north,1\n", 200 + i)).collect();
    sandbox.file("power.csv", format!("{POWER}{more}"));
    let run = sandbox.run(&EVAL);
    let said = "[TL2157] power: none of 12 records has a key of the table `tariff` in `zone`: there is `north`, `south`, and the \
                table has `North`, `South`";
    assert!(run.stderr.contains(said) && run.stderr.matches("TL2157").count() == 1, "{said} in {}", run.stderr);
    sandbox.file("tariff.csv", TARIFF);
    assert!(!sandbox.run(&EVAL).stderr.contains("TL2157"));
}

/// Files that are served to their end, so that a start can be repeated.
const SERVE: [&str; 9] =
    ["serve", "p.tl", "--source", "file:e.ndjson", "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"];

#[test]
fn a_start_names_the_first_row_of_a_table_that_says_something_else() {
    let sandbox = Sandbox::new();
    let program = "source s { key k  time t in s  zone: string }\n\
                   table tariff from \"tariff.csv\" { key zone  from since in s  price: int }\n\
                   metric m = duration_where(tariff[latest(zone)].price == 2)\n\
                   metric n = duration_where(latest(zone) == \"z\")\n";
    sandbox.file("p.tl", program);
    let events = [0, 10, 50].map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"zone\":\"z\"}}\n"));
    sandbox.file("e.ndjson", events.concat());
    let serve = |rows: &str| {
        sandbox.file("tariff.csv", format!("zone,since,price\n{rows}"));
        sandbox.run(&SERVE)
    };
    let first = serve("z,0,1\nz,20,2\n");
    assert_eq!(first.code, 0, "{}", first.stderr);
    // What is to come may be another; it is said once.
    let more = "z,0,1\nz,20,2\nz,100,1\n";
    let said =
        "table `tariff`: `price` of `z` is 1 and was 2 from 1970-01-01T00:01:40Z on; of all that was asked so far";
    let run = serve(more);
    assert!(run.code == 0 && run.stderr.contains(said), "{said} in {}", run.stderr);
    let run = serve(more);
    assert!(run.code == 0 && !run.stderr.contains("tariff"), "{}", run.stderr);
    // What was asked may not, and nothing is said of what does not ask the table.
    let run = serve("z,0,1\nz,20,3\nz,100,1\n");
    let said = "error[TL0108]: `m` is deployed with another meaning: table `tariff`: `price` of `z` is 3 and was 2 from \
                1970-01-01T00:00:20Z on";
    assert!(run.code == 1 && run.stderr.contains(said), "{said} in {}", run.stderr);
    assert!(!run.stderr.contains("`n` is deployed"), "{}", run.stderr);
}
