//! What becomes of definitions from deployment to deployment, judged by what is run and shown.

use super::*;

const BASE: &str = "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a))\n";
const MORE: &str = "metric n = count(a)\nalert long = held_for(latest(a), 5s)\n";
const CHANGED: &str = "source s { key k  time t in s  a: bool }\nmetric m = count(a)\n";

fn texts(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

/// As if it had been stored.
fn deploy(programs: &DeployedPrograms, name: &str, text: &str, begins: DeploymentStart) -> DeployedPrograms {
    let (mut all, _) = programs.with(&texts(&[(name, text)]), begins).expect("it is a program");
    all.version += 1;
    all
}

fn base() -> DeployedPrograms {
    deploy(&DeployedPrograms::default(), "base.tl", BASE, DeploymentStart::Start)
}

/// What becomes of names.
fn outcomes(programs: &DeployedPrograms, text: &str) -> Vec<(String, DeployOutcome)> {
    programs.with(&texts(&[("x.tl", text)]), DeploymentStart::Start).expect("it is a program").1.into_iter().collect()
}

/// What is seen: the plan, and the names of its outputs with their versions.
fn seen(programs: &DeployedPrograms) -> Vec<(String, Vec<String>)> {
    let names = |(deployment, plan): &(&Deployment, Arc<Plan>)| {
        let alerts = plan.alerts.iter().map(|alert| &alert.name);
        let all = plan.metrics.iter().map(|metric| &metric.name).chain(alerts);
        let seen = all.filter(|name| !deployment.hidden.contains(*name));
        (plan.name(), seen.map(|name| format!("{name} {}", deployment.versions[name])).collect())
    };
    let plans = programs.plans().expect("they are programs");
    plans.iter().filter(|(deployment, _)| !deployment.catching_up).map(names).collect()
}

fn expect(programs: &DeployedPrograms, expected: &[(&str, &[&str])]) {
    let owned = |(name, all): &(&str, &[&str])| (name.to_string(), all.iter().map(|x| x.to_string()).collect());
    assert_eq!(seen(programs), expected.iter().map(owned).collect::<Vec<(String, Vec<String>)>>());
}

#[test]
fn what_means_the_same_is_nothing_new_however_it_is_written() {
    let programs = base();
    let same = "// a remark\nsource s { time t in s  key k\n a: bool  more: string }\nlet x = latest(a)\nmetric m =\n  duration_where(x)\n";
    assert_eq!(outcomes(&programs, same), [("m".to_owned(), DeployOutcome::Unchanged(1))]);
    let after = deploy(&programs, "base.tl", same, DeploymentStart::Start);
    assert_eq!(after.deployments, programs.deployments, "nothing begins");
    // What it declares can be spoken of.
    let uses = deploy(&after, "uses.tl", "metric u = latest(more)", DeploymentStart::Start);
    expect(&uses.switch(3), &[("s", &["m 1"]), ("s@3", &["u 1"])]);
    // A comment and another metric: only the metric is new.
    let more = format!("{same}metric other = count(a)\n");
    let told = outcomes(&programs, &more);
    assert_eq!(told, [("m".to_owned(), DeployOutcome::Unchanged(1)), ("other".to_owned(), DeployOutcome::New(1))]);
}

#[test]
fn another_definition_takes_the_place_once_it_has_caught_up() {
    let after = deploy(&base(), "v2.tl", CHANGED, DeploymentStart::Start);
    expect(&after, &[("s", &["m 1"])]);
    let after = after.switch(2);
    expect(&after, &[("s", &[]), ("s@2", &["m 2"])]);
    // What is over leaves its rows, under its version.
    let log = SealedLog { source: "s".into(), parts: vec![(0, "sources/s".into())] };
    let mut after = after.seal(0, vec![log]);
    after.version = 4;
    expect(&after, &[("s@2", &["m 2"])]);
    assert_eq!(after.sealed[0].versions["m"], 1);
    // The first definition again is a third one: its rows are made again.
    let back = deploy(&after, "v3.tl", BASE, DeploymentStart::Start).switch(5);
    expect(&back, &[("s@2", &[]), ("s@5", &["m 3"])]);
}

#[test]
fn of_two_that_wait_for_one_name_the_later_counts() {
    let waits = deploy(&base(), "v2.tl", &format!("{CHANGED}metric n = latest(a)\n"), DeploymentStart::Start);
    let third = BASE.replace("duration_where(latest(a))", "latest(a)");
    let after = deploy(&waits, "v3.tl", &third, DeploymentStart::Start);
    assert_eq!(after.deployments.len(), 2, "what waited for the same name does not come");
    expect(&after, &[("s", &["m 1"])]);
    expect(&after.switch(3), &[("s", &[]), ("s@3", &["n 1", "m 3"])]);
    // A start with the deployed one changes nothing of that.
    assert_eq!(waits.with_new(&texts(&[("base.tl", BASE)])).expect("it is there").0, waits);
    // And the deployed one again cancels all that waited for its name.
    let after = deploy(&waits, "base.tl", BASE, DeploymentStart::Start);
    expect(&after.switch(2), &[("s", &["m 1"]), ("s@2", &["n 1"])]);
}

#[test]
fn a_program_without_a_source_speaks_of_those_before_it() {
    assert!(DeployedPrograms::default().with(&texts(&[("more.tl", MORE)]), DeploymentStart::Start).is_err());
    let both = deploy(&base(), "more.tl", MORE, DeploymentStart::Start).switch(2);
    expect(&both, &[("s", &["m 1"]), ("s@2", &["n 1", "long 1"])]);
    // What it speaks of may go: it keeps the meaning that it was deployed with.
    let uses = deploy(&base(), "uses.tl", "alert long = m > 5s", DeploymentStart::Start).switch(2);
    expect(&uses, &[("s", &["m 1"]), ("s@2", &["long 1"])]);
    let without = uses.without("m").expect("it is there");
    expect(&without, &[("s", &[]), ("s@2", &["long 1"])]);
    assert_eq!(without.without("m"), None);
    // The newest definition of a name is the one that is spoken of.
    let changed = deploy(&uses, "v2.tl", CHANGED, DeploymentStart::Start).switch(3);
    let told =
        changed.with(&texts(&[("uses.tl", "alert long = m > 5")]), DeploymentStart::Start).expect("m is a count now").1;
    assert_eq!(told["long"], DeployOutcome::Replaced(1, 2));
}

#[test]
fn programs_without_a_source_speak_of_each_other_in_whatever_order_they_come() {
    let text = |name: &'static str| match name {
        "base.tl" => (name, BASE),
        "twice.tl" => (name, "metric twice = m * 2\n"),
        "more.tl" => (name, "metric more = twice * 3\n"),
        _ => (name, "alert most = more > 30s\n"),
    };
    let whole = plans_of(&["base.tl", "twice.tl", "more.tl", "most.tl"].map(|name| deployed(name, text(name).1)));
    let wanted = meanings(&whole.expect("they are programs"));
    let is_meant = |programs: &DeployedPrograms| {
        let newest = programs.deployments.last().expect("it is new");
        let found = meanings(&newest.plans().expect("they are programs"));
        found.iter().all(|(name, meaning)| wanted.get(name) == Some(meaning))
    };
    // One after the other.
    let mut programs = base();
    for name in ["twice.tl", "more.tl", "most.tl"] {
        programs = deploy(&programs, name, text(name).1, DeploymentStart::Start);
        assert!(is_meant(&programs), "{name}");
    }
    // Together, in whatever order.
    for order in [["base.tl", "twice.tl", "more.tl", "most.tl"], ["most.tl", "more.tl", "base.tl", "twice.tl"]] {
        let all = texts(&order.map(text));
        let (together, outcomes) =
            DeployedPrograms::default().with(&all, DeploymentStart::Start).expect("they are programs");
        assert_eq!(outcomes.len(), 4);
        assert!(is_meant(&together), "{order:?}");
        assert_eq!(together.with_new(&all).expect("they run").0, together);
    }
    let circle = texts(&[("b.tl", "metric b = c * 2"), ("c.tl", "metric c = b + m"), ("more.tl", "metric d = m * 2")]);
    let refused = base().with(&circle, DeploymentStart::Start).expect_err("they speak of each other").to_string();
    assert!(refused.starts_with("TL0106: b.tl and c.tl speak of each other"), "{refused}");
    // What nobody has is said as ever.
    let unknown = texts(&[("b.tl", "metric b = nobody * 2"), ("c.tl", "metric c = m * 2")]);
    let refused = base().with(&unknown, DeploymentStart::Start).expect_err("nobody has it");
    assert!(refused.rendered().is_some_and(|shown| shown.contains("TL0101")), "{refused}");
}

/// A definition of `m`: the sum of a column times a factor, and where the column is read from.
fn times(factor: u32, from: &str) -> String {
    format!("source s {{ key k  time t in s  v: int{from} }}\nmetric m = sum(v) * {factor}\n")
}

/// Whether a program means the same behind what is deployed as behind a text.
fn spoken(programs: &DeployedPrograms, text: &str, context: &str) -> bool {
    let wanted = |deployed: &[DeployedText]| meanings(&plans_of(deployed).expect("they are programs"));
    let speaks = programs.with(&texts(&[("speaks.tl", text)]), DeploymentStart::Start).expect("it is a program").0;
    let new = speaks.deployments.last().expect("it is new");
    let name = outputs_of(text).pop_first().expect("it has an output");
    let context = deployed_silently(&deployed("context.tl", context));
    meanings(&new.plans().expect("they are programs"))[&name] == wanted(&[context, deployed("speaks.tl", text)])[&name]
}

fn over(programs: &DeployedPrograms, number: u32) -> DeployedPrograms {
    let log = SealedLog { source: "s".into(), parts: vec![(0, format!("sources/s@{number}"))] };
    let mut all = programs.seal(number, vec![log]);
    all.version += 1;
    all
}

fn in_place(programs: &DeployedPrograms, number: u32) -> DeployedPrograms {
    let mut all = programs.switch(number);
    all.version += 1;
    all
}

#[test]
fn the_newest_definition_is_spoken_of_when_those_before_it_are_over() {
    const USES: &str = "metric y = m + 1\n";
    let first = deploy(&DeployedPrograms::default(), "m1.tl", &times(1, ""), DeploymentStart::Start);
    let waits = deploy(&first, "m3.tl", &times(100, ""), DeploymentStart::Start);
    assert!(spoken(&waits, USES, &times(100, "")), "how far it is changes nothing");
    let third = over(&in_place(&waits, 2), 0);
    assert_eq!((third.deployments.len(), third.sealed.len()), (1, 1));
    assert!(spoken(&third, USES, &times(100, "")));
    // Of sources that contradict each other it is the newest, too.
    let uses = deploy(&third, "y.tl", USES, DeploymentStart::Start);
    let number = uses.deployments[1].number;
    let second = deploy(&in_place(&uses, number), "m2.tl", &times(1, " from \"vv\""), DeploymentStart::Start);
    let number = second.deployments[2].number;
    let second = over(&in_place(&second, number), 2);
    assert!(spoken(&second, "metric z = m + 2\n", &times(1, " from \"vv\"")));
    assert!(spoken(&second, "metric x = sum(v)\n", &times(1, " from \"vv\"")));
    // What is deployed keeps its meaning at a start, and takes over another one when it is deployed again.
    let again = second.with_new(&texts(&[("y.tl", USES)])).expect("it runs");
    assert_eq!((again.1["y"], again.0), (DeployOutcome::Unchanged(1), second.clone()));
    assert_eq!(
        second.with(&texts(&[("y.tl", USES)]), DeploymentStart::Start).expect("it is new").1["y"],
        DeployOutcome::Replaced(1, 2)
    );
    // And all of that is stored.
    let stored = stored::decode(second.version, &stored::encode(&second)).expect("it is read");
    assert_eq!(stored.deployments, second.deployments);
}

#[test]
fn what_does_not_come_any_more_is_not_spoken_of() {
    const USES: &str = "metric y = m + 1\n";
    let with_n = |factor, text: &str| format!("{}metric n = {text}\n", times(factor, ""));
    let first = deploy(&DeployedPrograms::default(), "m1.tl", &with_n(1, "count(v)"), DeploymentStart::Start);
    let waits = deploy(&first, "m2.tl", &with_n(2, "latest(v)"), DeploymentStart::Start);
    // `m` as it was is deployed again, so the one that waits does not come; `n` still does.
    let cancelled = deploy(&waits, "m3.tl", &times(1, ""), DeploymentStart::Start);
    assert!(cancelled.deployments[1].hidden.contains("m"));
    assert!(spoken(&cancelled, USES, &times(1, "")));
    assert!(spoken(&cancelled, "metric z = n + 1\n", &with_n(2, "latest(v)")));
    // What it speaks of is stored with it.
    let uses = deploy(&cancelled, "y.tl", USES, DeploymentStart::Start);
    assert!(uses.deployments[2].programs.iter().any(|known| known.unspoken.contains("m")));
    assert_eq!(stored::decode(uses.version, &stored::encode(&uses)).expect("it is read"), uses);
}

#[test]
fn of_a_name_that_was_dropped_the_last_definition_is_there() {
    let with_n = format!("{}metric n = count(v)\n", times(1, ""));
    let first = deploy(&DeployedPrograms::default(), "m1.tl", &with_n, DeploymentStart::Start);
    let second = in_place(&deploy(&first, "m2.tl", &times(2, ""), DeploymentStart::Start), 2);
    let dropped = second.without("m").expect("it is there");
    assert!(spoken(&dropped, "metric y = m + 1\n", &times(2, "")));
    let sealed = over(&dropped, 2);
    assert_eq!(sealed.declared.len(), 1);
    assert!(spoken(&sealed, "metric y = m + 1\n", &times(2, "")));
}

#[test]
fn what_is_over_is_older_than_what_runs() {
    let log = |name: &str, folder: &str| SealedLog { source: name.into(), parts: vec![(0, folder.into())] };
    let mut after =
        deploy(&base(), "v2.tl", CHANGED, DeploymentStart::Start).switch(2).seal(0, vec![log("s", "sources/s")]);
    after.version = 4;
    // `m` was a duration and is a count.
    let speaks = |programs: &DeployedPrograms, condition: &str| {
        let text = format!("alert long = m {condition}");
        programs.with(&texts(&[("uses.tl", &text)]), DeploymentStart::Start).map(|(_, outcomes)| outcomes["long"])
    };
    assert_eq!(speaks(&after, "> 5").expect("a count is compared with a number"), DeployOutcome::New(1));
    assert!(speaks(&after, "> 5s").is_err(), "a count is no length of time");
    // And is a duration again, when both of before are over.
    let mut back =
        deploy(&after, "v3.tl", BASE, DeploymentStart::Start).switch(5).seal(2, vec![log("s@2", "sources/s@2")]);
    back.version = 7;
    assert_eq!(speaks(&back, "> 5s").expect("m is a duration"), DeployOutcome::New(1));
}

#[test]
fn it_may_begin_later_than_they() {
    let later = deploy(&base(), "more.tl", MORE, DeploymentStart::Now);
    assert_eq!(later.deployments[1].begins, DeploymentStart::Now);
    expect(&later.switch(2), &[("s", &["m 1"]), ("s@2", &["n 1", "long 1"])]);
    // A source that nothing has read before is called as it is.
    let other = deploy(
        &base(),
        "u.tl",
        &BASE.replace("source s", "source u").replace("metric m", "metric o"),
        DeploymentStart::Start,
    );
    expect(&other, &[("s", &["m 1"]), ("u", &["o 1"])]);
}

#[test]
fn a_source_has_one_set_of_clauses() {
    let more = deploy(&base(), "more.tl", MORE, DeploymentStart::Start).switch(2);
    let late = BASE.replace("time t in s", "time t in s  lateness 5s");
    let error = more.with(&texts(&[("late.tl", &late)]), DeploymentStart::Start).expect_err("others go on without");
    assert!(error.to_string().contains("`timeline deploy late.tl more.tl`"), "{error}");
    // All that read it together may be declared otherwise.
    let both = more
        .with(&texts(&[("late.tl", &late), ("more.tl", MORE)]), DeploymentStart::Start)
        .expect("they are all of them")
        .1;
    assert!(both.values().all(|outcome| matches!(outcome, DeployOutcome::Replaced(1, 2))), "{both:?}");
}

#[test]
fn what_shares_sessions_with_what_stays_still_does() {
    let sources = "source s { key k  time t in s  a: bool }\nsource u { key k  time t in s  b: bool }\n";
    let both = format!("{sources}metric m = duration_where(latest(a) && latest(b))\n");
    let first = deploy(&DeployedPrograms::default(), "p.tl", &both, DeploymentStart::Start);
    let more = format!("{both}metric n = count(b)\n");
    let after = deploy(&first, "p.tl", &more, DeploymentStart::Start).switch(2);
    expect(&after, &[("s+u", &["m 1"]), ("s+u@2", &["n 1"])]);
    let told = outcomes(&after, &more);
    assert_eq!(told, [("m".to_owned(), DeployOutcome::Unchanged(1)), ("n".to_owned(), DeployOutcome::Unchanged(1))]);
}

#[test]
fn what_was_stored_as_an_array_means_what_it_meant() {
    let program = |name: &str, text: &str, without: &[&str], since: u32| {
        let mut program = serde_json::json!({"name": name, "text": text, "without": without});
        if since > 0 {
            program["since"] = since.into();
        }
        program
    };
    let array = serde_json::json!([
        program("base.tl", BASE, &["m"], 0),
        program("v2.tl", CHANGED, &[], 0),
        program("more.tl", MORE, &[], 7),
    ]);
    let programs = stored::decode(9, array.to_string().as_bytes()).expect("it is read");
    expect(&programs, &[("s", &["m 1"]), ("s@7", &["n 1", "long 1"])]);
    assert_eq!((programs.version, programs.deployments[1].begins), (9, DeploymentStart::Now));
    // And it is written as it is now.
    assert_eq!(stored::decode(9, &stored::encode(&programs)).expect("it is read"), programs);
    assert!(stored::decode(1, br#"{"format":3,"deployments":[]}"#).is_err());
}

#[test]
fn what_is_deployed_stays_where_it_would_be_refused_now() {
    let joined = "source power { key meter  time t in s  watts: float }\nsource prices { key zone  time t in s  price: float }\n\
                  metric cost = integral(latest(watts) * latest(price))\n";
    let refused = DeployedPrograms::default().with(&texts(&[("cost.tl", joined)]), DeploymentStart::Start);
    assert!(matches!(refused, Err(EngineError::Invalid { rendered: Some(text), .. }) if text.contains("TL0308")));
    let deployed = [deployed("cost.tl", joined)];
    assert_eq!(stored(&deployed).expect("it stays").len(), 1);
    assert!(compiled(&deployed, 0).is_err());
    let said = joined.replace("key zone", "key zone as meter");
    assert!(DeployedPrograms::default().with(&texts(&[("cost.tl", &said)]), DeploymentStart::Start).is_ok());
}

#[test]
fn a_name_that_is_refused_now_goes_on_where_it_is_deployed() {
    let source = "source s { key k  time t in s  a: bool  value: string }\n";
    let text = format!("{source}metric m = duration_where(latest(a)) split by latest(value)\n");
    let refused = DeployedPrograms::default().with(&texts(&[("p.tl", &text)]), DeploymentStart::Start);
    let Err(refused) = refused else { panic!("a dimension called like a column of the tables") };
    assert!(refused.rendered().unwrap_or_default().contains("TL0224"), "{refused:?}");
    let plans = stored(&[deployed("p.tl", &text)]).expect("what runs goes on");
    assert_eq!(plans[0].metrics[0].dimensions, ["value"]);
    let more = deployed("q.tl", &format!("{source}metric n = count(a)\n"));
    let both = compiled(&[deployed("p.tl", &text), more], 1).expect("another one beside it");
    assert_eq!(both[0].metrics.len(), 2);
}

#[test]
fn a_metric_called_like_a_table_goes_on_where_it_is_deployed() {
    let text = "source s { key k  time t in s  a: bool }\nmetric totals = duration_where(latest(a))\n";
    let Err(refused) = DeployedPrograms::default().with(&texts(&[("p.tl", text)]), DeploymentStart::Start) else {
        panic!("no table")
    };
    let said = refused.rendered().unwrap_or_default();
    assert!(said.contains("TL0226") && said.contains("p.tl:2:8") && said.contains("`dead_letters`"), "{said}");
    assert_eq!(stored(&[deployed("p.tl", text)]).expect("what runs goes on")[0].metrics[0].name, "totals");
}

#[test]
fn a_length_that_is_refused_now_goes_on_where_it_is_deployed() {
    let text = "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a)) over last 5m / 5m\n";
    let Err(refused) = DeployedPrograms::default().with(&texts(&[("p.tl", text)]), DeploymentStart::Start) else {
        panic!("no length")
    };
    assert!(refused.rendered().unwrap_or_default().contains("TL0225"), "{refused:?}");
    let of_a_second = stored(&[deployed("p.tl", &text.replace("5m / 5m", "1s"))]).expect("a length");
    assert_eq!(stored(&[deployed("p.tl", text)]).expect("what runs goes on"), of_a_second);
}

#[test]
fn windows_that_are_refused_now_go_on_where_they_are_deployed() {
    let text = "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a)) every 5h\n";
    let Err(refused) = DeployedPrograms::default().with(&texts(&[("p.tl", text)]), DeploymentStart::Start) else {
        panic!("no such windows")
    };
    assert!(refused.rendered().unwrap_or_default().contains("TL0231"), "{refused:?}");
    assert_eq!(stored(&[deployed("p.tl", text)]).expect("what runs goes on")[0].metrics.len(), 1);
}
