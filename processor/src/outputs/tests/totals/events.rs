//! Totals of events on their way out: each event counts at its instant, a window is told to be over once, nothing is told
//! a second time, and what was told last is what a question is answered.

use super::*;

const EVENTS: &str = "source s { key k  time t in s  lateness 3s  down: bool  c: string }
metric outage = at(fall(latest(down)), duration_of_previous_state(latest(down)))
              | aggregate(group_by(c), count, sum, avg, max)
metric minute = at(fall(latest(down)), duration_of_previous_state(latest(down))) every 1m
              | aggregate(group_by(every, c), count, sum)
metric silent = not_followed_by(down == true, down == false, 20s) every 1m | aggregate(group_by(every), count)";

/// Count, sum in seconds, and whether the window is over; none where a metric has no such column.
type Told = (Option<i64>, Option<i64>, Option<bool>);

fn line(key: &str, t: i64, down: bool, c: &str) -> String {
    format!(r#"{{"k":"{key}","t":{t},"down":{down},"c":"{c}"}}"#)
}

/// The metric and its group.
fn name(row: &Json) -> String {
    ["metric", "every", "c"].iter().filter_map(|column| row[*column].as_str()).collect::<Vec<_>>().join(" ")
}

/// The rows of each metric and group, in the order in which a reader that drops equal ids sees them.
fn by_name(rows: &[Json]) -> BTreeMap<String, Vec<Told>> {
    let mut all: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for row in rows {
        let told = (row["count"].as_i64(), row["sum"].as_i64(), row["closed"].as_bool());
        all.entry(name(row)).or_default().push(told);
    }
    all
}

/// Rows as they can be compared: up to which instant windows are over is another question than what is in them.
fn values(rows: impl IntoIterator<Item = Row>) -> Vec<String> {
    let without = |mut row: Row| {
        row.retain(|column, value| !["id", "at", "closed"].contains(&column.as_str()) && !value.is_null());
        row
    };
    sorted(rows.into_iter().map(without))
}

/// The last row of each metric and group.
fn last<'a>(rows: impl IntoIterator<Item = &'a Json>) -> BTreeMap<String, Row> {
    let own = |row: &Json| row.as_object().expect("an object").clone().into_iter().collect::<Row>();
    rows.into_iter().map(|row| (name(row), own(row))).collect()
}

#[test]
fn an_event_is_told_when_it_has_happened_and_a_window_once_it_is_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let outputs = to(OutputKind::Totals, &board);
    let write = |key: &str, t: i64, down: bool, c: &str| log.write(0, &line(key, t, down, c));
    let told = |name: &str| by_name(&heard(&board).0).remove(name).unwrap_or_default();
    let eventually_told = |name: &str, rows: &[Told]| eventually(name, || told(name) == rows);
    let outage = |count: i64, sum: i64| (Some(count), Some(sum), None);
    let minute = |count: i64, sum: i64, closed: bool| (Some(count), Some(sum), Some(closed));
    let silent = |closed: bool| (Some(1), None, Some(closed));
    let window = |minute: i64| format!("1970-01-01T00:{minute:02}:00Z");
    let [first, second, third] = [0, 1, 2].map(window);

    let service = start_with(EVENTS, dir.path(), &log, &outputs);
    write("a", 0, true, "x");
    write("a", 10, false, "x");
    // It may still be changed by what comes within the lateness, and is told all the same: it is true for its place.
    eventually_told("outage x", &[outage(1, 10)]);
    write("f", 20, true, "x");
    write("a", 30, true, "x");
    write("a", 45, false, "x");
    eventually_told("outage x", &[outage(1, 10), outage(2, 25)]);
    // Nothing came of `f`: time alone brought it about.
    eventually_told(&format!("silent {first}"), &[silent(false)]);
    write("d", 61, true, "z");
    write("d", 62, false, "z");
    eventually_told("outage z", &[outage(1, 1)]);
    // Told with it, if that were so: but at 59 s something may still happen, and does.
    let of_first = format!("minute {first} x");
    assert_eq!(told(&of_first), [minute(1, 10, false), minute(2, 25, false)]);
    write("f", 59, false, "x");
    eventually_told("outage x", &[outage(1, 10), outage(2, 25), outage(3, 64)]);
    write("b", 63, false, "x");
    let all_of_first = [minute(1, 10, false), minute(2, 25, false), minute(3, 64, false), minute(3, 64, true)];
    eventually_told(&of_first, &all_of_first);
    service.stop();

    let service = start_with(EVENTS, dir.path(), &log, &outputs);
    write("b", 130, false, "x");
    eventually_told(&format!("minute {second} z"), &[minute(1, 1, false), minute(1, 1, true)]);
    write("a", 140, true, "y");
    write("a", 145, false, "y");
    eventually_told("outage y", &[outage(1, 5)]);
    let known = asked(&service);
    service.stop();
    let (rows, dropped) = heard(&board);
    let expected = [
        (of_first, all_of_first.to_vec()),
        (format!("minute {second} z"), vec![minute(1, 1, false), minute(1, 1, true)]),
        (format!("minute {third} y"), vec![minute(1, 5, false)]),
        ("outage x".into(), vec![outage(1, 10), outage(2, 25), outage(3, 64)]),
        ("outage y".into(), vec![outage(1, 5)]),
        ("outage z".into(), vec![outage(1, 1)]),
        (format!("silent {first}"), vec![silent(false), silent(true)]),
    ];
    assert_eq!((by_name(&rows), dropped), (BTreeMap::from(expected), 0));
    assert_eq!(values(last(&rows).into_values()), values(known), "what is over is answered out of history");
    start_with(EVENTS, dir.path(), &log, &outputs).stop();
    assert_eq!(board.messages().len(), rows.len(), "nothing happened, so nothing is told");
}

#[test]
fn whatever_is_ended_the_last_rows_are_the_totals_of_the_log_and_no_row_comes_twice() {
    const ROUNDS: usize = 8;
    let program = EVENTS.replace("20s", "5s");
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let rounds = [Disturbance::LostWords, Disturbance::Away, Disturbance::Back];
    let rounds: Vec<Disturbance> = rounds.into_iter().cycle().take(ROUNDS).collect();
    let text = disturbed(&program, dir.path(), &log, &board, &rounds, |round, step| {
        let latest = round * 300 + step * 10;
        // The second comes when the watermark is already there.
        let records = [("a", latest, step % 2 == 0), ("b", latest - 2, step % 3 == 0)];
        records.map(|(key, t, down)| line(key, t, down, &format!("c{}", step / 8 % 2))).to_vec()
    });
    let latest = (ROUNDS as i64 - 1) * 300 + 290;
    let outputs = to(OutputKind::Totals, &board);
    let service = start_with(&program, dir.path(), &log, &outputs);
    let known = asked(&service);
    service.stop();
    let (rows, _) = heard(&board);
    assert_eq!(values(last(&rows).into_values()), values(known), "at the end");
    let all = by_name(&rows);
    assert!(all.len() > 80, "each minute has rows of its own: {}", all.len());
    for (name, told) in &all {
        assert!(told.iter().all(|(count, ..)| count.is_some()), "nobody leaves a group of events, {name}: {told:?}");
        assert!(told.windows(2).all(|two| two[0] != two[1]), "each row is another one, {name}: {told:?}");
        let is_over = |(.., closed): &Told| *closed == Some(true);
        assert!(!told[..told.len() - 1].iter().any(is_over), "what is over is over, {name}: {told:?}");
        // Name, date, hour, minute: windows that end at the watermark or before it are over.
        if let Some(every) = name.split(' ').nth(1).filter(|every| every.ends_with('Z')) {
            let part = |at: usize| every[at..at + 2].parse::<i64>().expect("digits");
            let end = (part(11) * 60 + part(14) + 1) * 60;
            assert_eq!(is_over(&told[told.len() - 1]), end <= latest - 3, "{name}");
        }
    }
    let places: BTreeSet<usize> = rows.iter().map(position).collect();
    assert!(places.len() > 3, "it was looked at often: {places:?}");
    for place in places.iter().step_by(places.len().div_ceil(5)) {
        let known = asked_up_to(&program, &text, *place);
        let told = last(rows.iter().filter(|row| position(row) <= *place));
        assert_eq!(values(told.into_values()), values(known), "up to {place}");
    }
}
