//! What an editor is told. `⟨⟩` marks the place.

use proptest::prelude::*;
use timeline_dsl::editor::{complete, hover};

const PROGRAM: &str = r#"
source player {
  key sessionId
  time ts in ms
  end when state == "stop" or after 30m
  state: string, rate: float from "a.b"
}
let seeking = has_existed_within(state == "seek", 5s)
metric m = duration_where(!seeking && latest(state) == "play") over last 1m split by latest(rate)
         | aggregate(group_by(rate), count)
alert x = seeking || latest(rate) > 3
"#;

/// The place behind the first occurrence of `before`, moved by `by`.
fn place(text: &str, before: &str, by: isize) -> usize {
    let end = text.find(before).unwrap_or_else(|| panic!("{before}")) + before.len();
    end.checked_add_signed(by).unwrap()
}

fn told(before: &str) -> String {
    hover(PROGRAM, place(PROGRAM, before, -1)).map(|hover| hover.text).unwrap_or_default()
}

#[test]
fn hovering_tells_type_memory_and_meaning() {
    for (before, says) in [
        ("has_existed_within", &["state<bool>", "memory O(1), changes by a timer", "True while the last match"][..]),
        ("within(state =", &["event<bool>", "Two of one kind"]),
        ("within(state", &["event<string>", "column `state: string` of source `player`"]),
        ("(!seeking", &["state<bool>", "let `seeking` of this program"]),
        ("let seeking", &["has_existed_within(state == \"seek\", 5s): state<bool>"]),
        ("duration_where", &["duration", "The time for which"]),
        ("over", &["O(window)", "cumulative"]),
        ("metric m", &["over last 1m", "duration"]),
        ("aggregate", &["Puts sessions together"]),
        ("split", &["Charges every instant"]),
        ("&&", &["state<bool>", "Kleene"]),
        ("latest(rate) >", &["state<bool>"]),
        ("when state", &["column `state: string`"]),
        ("  key", &["identify a session"]),
        ("rate", &["column `rate: float`, in records at `a.b`"]),
    ] {
        let told = told(before);
        assert!(says.iter().all(|s| told.contains(s)), "{before}: {told}");
    }
    assert_eq!(hover(PROGRAM, 0), None);
}

#[test]
fn hovering_tells_of_expressions_that_join_sources() {
    let text = "source a { key k  time t in s  x: bool }\nsource b { key k  time t in s  y: bool }\n\
                metric m = duration_where(latest(x) && latest(b.y))";
    for (before, says) in [("duration_where", "duration"), ("&&", "state<bool>"), ("latest(x", "of source `a`")] {
        let told = hover(text, place(text, before, -1)).map(|hover| hover.text).unwrap_or_default();
        assert!(told.contains(says), "{before}: {told}");
    }
}

#[test]
fn hovering_works_in_a_program_with_mistakes() {
    let text = PROGRAM.replace("alert x", "let broken = nothing(\nalert x");
    let hover = hover(&text, place(&text, "duration_where", -1)).unwrap();
    assert!(hover.text.contains("duration"), "{}", hover.text);
}

fn offered(text: &str) -> Vec<String> {
    let at = text.find("⟨⟩").unwrap();
    complete(&text.replace("⟨⟩", ""), at).into_iter().map(|c| c.label).collect()
}

#[test]
fn completion_offers_what_fits() {
    let source =
        "source p { key k  time t in s  state: string, rate: float }\nlet seeking = has_existed(state == \"a\")\n";
    for (rest, some, none) in [
        ("metric m = ⟨⟩", &["seeking", "state", "latest", "duration_where"][..], &["metric", "split by", "key"][..]),
        ("metric m = la⟨⟩", &["latest"], &["over last"]),
        ("metric m = latest(⟨⟩", &["state", "rate"], &["group_by"]),
        ("metric m = latest(p.⟨⟩", &["state"], &["seeking", "latest"]),
        ("metric m = latest(state) ⟨⟩", &["over last", "split by", "| aggregate"], &["state"]),
        ("alert m = latest(state) ⟨⟩", &["over last"], &["| aggregate"]),
        ("metric m = latest(state)\n⟨⟩", &["metric", "let"], &["state"]),
        ("metric m = x | ⟨⟩", &["aggregate"], &["state"]),
        ("metric m = x | aggregate(⟨⟩", &["group_by", "count", "p95", "closed"], &["seeking"]),
        ("metric m = x | aggregate(group_by(⟨⟩", &["state"], &["avg"]),
        ("⟨⟩", &["source", "let", "metric", "alert"], &["state"]),
        ("metric ⟨⟩", &[], &["state", "metric"]),
        ("metric m = latest(state) == \"⟨⟩\"", &[], &["state"]),
        ("metric m = latest(state) // ⟨⟩", &[], &["over last"]),
        ("source q { ⟨⟩ }", &["key", "time", "lateness"], &["metric", "latest"]),
        ("source q { time t in ⟨⟩ }", &["ms", "rfc3339"], &["key"]),
        ("source q { x: ⟨⟩ }", &["string", "int"], &["key"]),
    ] {
        let found = offered(&format!("{source}{rest}"));
        for label in some {
            assert!(found.iter().any(|o| o == label), "{rest}: no {label} in {found:?}");
        }
        for label in none {
            assert!(!found.iter().any(|o| o == label), "{rest}: {label} in {found:?}");
        }
    }
    let own = format!("{source}operator ewma(x: float): float from \"e.wasm\"\n");
    assert!(offered(&format!("{own}metric m = ⟨⟩")).contains(&"ewma".to_owned()));
    assert_eq!(offered(&format!("{source}operator ewma(x: ⟨⟩")), ["float", "int", "bool"]);
    // What several sources have is offered with the name of its source.
    let two = "source a { key k  time t in s  x: bool  own: bool }\nsource b { key k  time t in s  x: bool }\n";
    let found = offered(&format!("{two}metric m = latest(⟨⟩"));
    for (label, is_there) in [("own", true), ("a.x", true), ("b.x", true), ("x", false), ("a.own", false)] {
        assert_eq!(found.iter().any(|o| o == label), is_there, "{label}: {found:?}");
    }
    assert!(offered(&format!("{two}metric m = latest(b.⟨⟩")).contains(&"x".to_owned()));
    // A name is known below its definition and not above it.
    assert!(!offered("let a = ⟨⟩\nlet seeking = true").contains(&"seeking".to_owned()));
}

#[test]
fn an_operator_of_ones_own_is_taken_at_its_word() {
    let text = "source p { key k  time t in s  rate: float }\noperator ewma(x: float): float state 16 from \"e.wasm\"\n\
                metric m = duration_where(ewma(rate) < 3)\n";
    let told = |place: &str| hover(text, text.rfind(place).unwrap()).expect("there is something to say").text;
    assert!(
        told("ewma(").contains("ewma(x: float): float") && told("ewma(").contains("state<float>"),
        "{}",
        told("ewma(")
    );
    assert!(told("duration_where").contains(": duration"), "{}", told("duration_where"));
}

#[test]
fn tables_are_told_and_offered() {
    let source = "source p { key k  time t in s  zone: string }\n\
                  table tariff from \"tariff.csv\" { key zone  from since in s  price: float, plan: string }\n";
    let text = format!("{source}metric m = tariff[latest(zone)].price\n");
    let told = |place: &str| hover(&text, text.rfind(place).unwrap()).expect("there is something to say").text;
    let asked = told("tariff[");
    assert!(asked.contains("state<float>") && asked.contains("table `tariff[zone]`"), "{asked}");
    assert!(asked.contains("changes by a timer"), "{asked}");
    assert!(told("price: float").contains("`price: float`"), "{}", told("price: float"));
    assert!(told("from since").contains("first instant"), "{}", told("from since"));
    assert_eq!(offered(&format!("{source}metric m = tariff[latest(zone)].⟨⟩")), ["price", "plan"]);
    assert!(offered(&format!("{source}metric m = ⟨⟩")).contains(&"tariff".to_owned()));
    assert!(offered(&format!("{source}metric m = tariff[⟨⟩")).contains(&"zone".to_owned()));
    assert_eq!(offered("table t from \"f.csv\" { ⟨⟩ }"), ["key", "from", "until", "csv"]);
    assert!(offered("table t from \"f.csv\" { key a  x: ⟨⟩ }").contains(&"float".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_place_of_any_text_can_be_asked_about(text in any::<String>(), cut in 0usize..800, at in 0usize..800) {
        let mut whole = PROGRAM.to_owned();
        let boundary = |text: &str, at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        whole.insert_str(boundary(&whole, cut), &text);
        let at = boundary(&whole, at);
        hover(&whole, at);
        complete(&whole, at);
    }
}
