//! The one layout: what it looks like, that a second pass changes nothing, and that it never changes the meaning.

use crate::limits::compile_text;
use proptest::prelude::*;
use timeline_dsl::{Compilation, compile_expression, format, is_expression};

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = format(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(found, expected, "\n{found}");
    assert_eq!(format(&found).as_deref(), Ok(expected), "a second pass changes it");
}

#[test]
fn a_program() {
    check(
        "// head\n\n\n\nsource   player{key sessionId;time ts in ms,\n order by seq\nlateness 2s\n\
         end when playerState==\"stop\" or after 30m // the end\n\n  playerState:string,userAction :string,\ncdn: string\n\
         // nested\nbuffered:int from \"player.buffer.ms\" }\nlet playing=has_existed( playerState == \"play\" )\n\
         let x = - 5s-duration_where(! playing)\nlet y=(x - -3)*2\nmetric  cirr_ratio=y/(x+1)\n   | aggregate (group_by(cdn),avg)\n\
         alert a=held_for(playing&&!playing,\n 5s) // why\n\n\n// tail\n",
        "// head\n\n\
         source player {\n  key      sessionId\n  time     ts in ms\n  order    by seq\n  lateness 2s\n  \
         end      when playerState == \"stop\" or after 30m  // the end\n\n  \
         playerState: string, userAction: string\n  cdn: string\n  // nested\n  buffered: int from \"player.buffer.ms\"\n}\n\
         let playing = has_existed(playerState == \"play\")\nlet x       = -5s - duration_where(!playing)\n\
         let y       = (x - -3) * 2\n\
         metric cirr_ratio = y / (x + 1)\n                  | aggregate(group_by(cdn), avg)\n\
         alert a = held_for(playing && !playing,\n                   5s)  // why\n\n// tail\n",
    );
}

#[test]
fn lines_that_go_on() {
    check(
        "metric m=duration_where(\na&&b // one\n||\nc\n) split by latest(cdn),\nlatest( x )\n|aggregate(count)",
        "metric m = duration_where(\n  a && b  // one\n  ||\n  c\n) split by latest(cdn),\n           latest(x)\n         | aggregate(count)\n",
    );
    check("let a =\n  // why\n  latest(x,ttl 5s)\n==\"a\"\n", "let a =\n  // why\n  latest(x, ttl 5s)\n  == \"a\"\n");
}

#[test]
fn lines_that_are_too_long() {
    check(
        "metric cirr = duration_where(has_existed(playerState == \"play\") && !has_existed_within(userAction == \"seek\", 5s) && latest(playerState) == \"buffer\") split by latest(cdn) | aggregate(group_by(cdn), sum)\nlet a = x // a comment stays where it is, however long it may be, for nobody knows where its sentences may be broken\n",
        "metric cirr = duration_where(has_existed(playerState == \"play\")\n                             \
         && !has_existed_within(userAction == \"seek\", 5s)\n                             \
         && latest(playerState) == \"buffer\")\n              split by latest(cdn)\n            \
         | aggregate(group_by(cdn), sum)\n\
         let a = x  // a comment stays where it is, however long it may be, for nobody knows where its sentences may be broken\n",
    );
    check(
        "source s { key k  time t in s  aaaaaaaaaaaaaaaaaaaaaaaaaa: string, bbbbbbbbbbbbbbbbbbbbbbbbbb: string, ccccccccccccccccccc: string, d: int }\n\
         alert a = latest(x) in (\"aaaaaaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbbbbbbbbb\", \"cccccccccccccccc\", \"ddddddddddddddddddd\", \"e\")\n",
        "source s {\n  key  k\n  time t in s\n  aaaaaaaaaaaaaaaaaaaaaaaaaa: string, bbbbbbbbbbbbbbbbbbbbbbbbbb: string\n  \
         ccccccccccccccccccc: string, d: int\n}\n\
         alert a = latest(x) in (\"aaaaaaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbbbbbbbbb\", \"cccccccccccccccc\",\n                        \
         \"ddddddddddddddddddd\", \"e\")\n",
    );
}

#[test]
fn tables_and_what_is_asked_of_them() {
    check(
        "table  tariff from\"tariff.csv\"{key zone,product,from valid_from in s until valid_to,price:float\nplan:string from \"a.b\"}\n\
         table one from \"a.csv\" { key zone, from t in s, price: float }\n\
         metric m=integral( latest(watts)*tariff[ latest(zone),\"x\" ] . price)",
        "table tariff from \"tariff.csv\" {\n  key  zone, product\n  from valid_from in s until valid_to\n  price: float\n  \
         plan: string from \"a.b\"\n}\n\
         table one from \"a.csv\" { key zone  from t in s  price: float }\n\
         metric m = integral(latest(watts) * tariff[latest(zone), \"x\"].price)\n",
    );
}

#[test]
fn sources_on_one_line() {
    check(
        "source s{key a,b time t in s, x:string,y:int;late ledger}metric m=latest (s . x)",
        "source s { key a, b  time t in s  x: string, y: int  late ledger }\nmetric m = latest(s.x)\n",
    );
}

#[test]
fn brackets_that_open_no_call() {
    check(
        "let a=x in(-1,2)&&held_for(b,5s)\nlet b=not (a)||!( b )\nmetric c=n split by(a)as z\n",
        "let    a = x in (-1, 2) && held_for(b, 5s)\nlet    b = not(a) || !(b)\nmetric c = n split by (a) as z\n",
    );
}

#[test]
fn expressions_and_nothing() {
    check(
        "  duration_where( latest( a )==\"b\" )over last 5s\nsplit by x as y|aggregate(count,p95)",
        "duration_where(latest(a) == \"b\") over last 5s\nsplit by x as y | aggregate(count, p95)\n",
    );
    check("// only\n\n\n\n// comments", "// only\n\n// comments\n");
    check("", "");
}

#[test]
fn mistakes_are_given_back() {
    let errors = format("metric m = (a").unwrap_err();
    assert_eq!(errors.iter().map(|d| d.code).collect::<Vec<_>>(), ["TL0006"]);
    assert!(format("let a = \"x").is_err());
}

fn compiled(text: &str) -> Compilation {
    if is_expression(text) { compile_expression(text, &Default::default()) } else { compile_text(text) }
}

/// Everything about a compilation but the places.
fn meaning(text: &str) -> String {
    let compilation = compiled(text);
    let said: Vec<_> = compilation.diagnostics.iter().map(|d| (d.code, d.message.clone())).collect();
    format!("{:?} {said:?}", compilation.plans)
}

/// The text with other blanks: each gap of blanks becomes one of `gaps`, outside of strings and comments.
fn shaken(text: &str, gaps: &[usize]) -> String {
    const GAPS: [&str; 6] = [" ", "  ", "\n", "\n\n\n", " // why\n", "\t"];
    let mut gaps = gaps.iter().cycle();
    let (mut out, mut quoted, mut comment, mut in_gap) = (String::new(), false, false, false);
    for c in text.chars() {
        comment &= c != '\n';
        if !comment && !quoted && c.is_whitespace() {
            if !in_gap {
                out.push_str(GAPS[gaps.next().copied().unwrap_or(0) % GAPS.len()]);
            }
            in_gap = true;
            continue;
        }
        comment |= !quoted && c == '/' && out.ends_with('/');
        quoted ^= !comment && c == '"';
        in_gap = false;
        out.push(c);
    }
    out
}

#[test]
fn the_golden_programs_keep_their_meaning() {
    let mut laid_out = 0;
    for folder in ["tests/golden", "../examples", "../event-producer/programs"] {
        for entry in std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "tl") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let Ok(found) = format(&text) else { continue };
            assert_eq!(meaning(&found), meaning(&text), "{}", path.display());
            assert_eq!(format(&found).as_ref(), Ok(&found), "{}", path.display());
            laid_out += 1;
        }
    }
    assert!(laid_out >= 15, "{laid_out}");
}

fn program() -> impl Strategy<Value = String> {
    let text = include_str!("../golden/video.tl");
    let texts = vec![
        text.to_owned(),
        include_str!("../golden/windows.tl").to_owned(),
        include_str!("../golden/sources.tl").to_owned(),
        include_str!("../../../examples/payments.tl").to_owned(),
        "source s { key a, key  time time in ms  lateness 2s  idle: int  end when idle > - 3 or after 5m in all }\n\
         metric m = - 5s - (duration_where(latest(idle) == -1) - -3) split by latest(idle) as i"
            .to_owned(),
    ];
    prop::sample::select(texts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_layout_of_any_layout_is_one_and_means_the_same(
        text in program(),
        gaps in prop::collection::vec(0usize..6, 1..40),
    ) {
        let shaken = shaken(&text, &gaps);
        if let Ok(found) = format(&shaken) {
            prop_assert_eq!(meaning(&found), meaning(&shaken), "\n{}\nis laid out as\n{}", shaken, found);
            prop_assert_eq!(format(&found).unwrap(), found.clone(), "a second pass");
            let comments = |text: &str| text.matches("//").count();
            prop_assert_eq!(comments(&found), comments(&shaken));
        }
    }

    #[test]
    fn random_expressions_keep_their_fingerprint(expression in crate::written_back::metric()) {
        let text = format!("{}metric m = {expression}", crate::written_back::SOURCE);
        let found = format(&text).unwrap();
        prop_assert_eq!(compiled(&found).plans, compiled(&text).plans, "{}", found);
        prop_assert_eq!(format(&found).unwrap(), found.clone(), "a second pass");
        for line in found.lines() {
            prop_assert!(line.chars().count() <= 100 || !line.contains(" && "), "{}", found);
        }
    }
}
