//! Changes of totals: each row judged by what a processor says that knows no more of the log than the row's place.

mod events;

use super::*;
use crate::outputs::cells::ColumnGroups;

const TOTALS: &str = "source s { key k  time t in s  lateness 3s  end after 100s  b: bool  c: string }
metric m = duration_where(latest(b)) split by latest(c) | aggregate(group_by(c), count, sum, avg)
metric now = duration_where(latest(b)) split by latest(c) | aggregate(live, group_by(c), count)
metric share = m / (m + duration_where(!latest(b)))
alert on = latest(b)";

/// A row without its id and place, in parts that can be compared.
type Row = BTreeMap<String, Json>;

/// What a topic that keeps the last message of each key comes to; rows in which nothing counts are left out.
fn table<'a>(rows: impl IntoIterator<Item = &'a Json>) -> BTreeMap<String, Row> {
    let mut last = BTreeMap::new();
    for row in rows {
        let mut row: Row = row.as_object().expect("an object").clone().into_iter().collect();
        let (_, at) = (row.remove("id").expect("an id"), row.remove("at").expect("a place"));
        let key = format!("{} {} {}", row["metric"], row.get("c").expect("a group"), at["partition"]);
        row.retain(|_, value| !value.is_null());
        last.insert(key, row);
    }
    last.retain(|_, row| row.contains_key("count"));
    last
}

/// The totals of a log, as questions are answered.
fn asked(service: &Service) -> Vec<Row> {
    let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
    let mut rows = vec![];
    for batch in &snapshot.tables[0].live {
        let shape = ColumnGroups::of(batch);
        for i in 0..batch.num_rows() {
            let cells = shape.cells(batch, i).into_iter();
            let known = cells.filter_map(|(name, cell)| Some((name, serde_json::from_str(&cell?).expect("JSON"))));
            rows.push(known.collect());
        }
    }
    rows
}

fn sorted(rows: impl IntoIterator<Item = Row>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    rows
}

fn position(row: &Json) -> usize {
    let text = row["at"]["position"].as_str().expect("a place");
    text.rsplit(':').next().and_then(|offset| offset.parse().ok()).expect("an offset")
}

/// What happens to a destination when a round begins.
#[derive(Clone, Copy)]
enum Disturbance {
    None,
    Away,
    Back,
    /// It takes two messages and does not say so.
    LostWords,
}

/// Writes a log, round by round, before owners that are ended and a destination that is disturbed; what was written. A round
/// has 30 steps, each of some records.
fn disturbed(
    program: &str,
    dir: &Path,
    log: &MemoryPartitions,
    board: &Board,
    disturbances: &[Disturbance],
    records: impl Fn(i64, i64) -> Vec<String>,
) -> String {
    let outputs = to(OutputKind::Totals, board);
    let mut text = String::new();
    for (round, disturbance) in (0..).zip(disturbances) {
        match disturbance {
            Disturbance::None => {}
            Disturbance::Away => board.is_away.store(true, Ordering::SeqCst),
            Disturbance::Back => board.is_away.store(false, Ordering::SeqCst),
            Disturbance::LostWords => board.lost_words.store(2, Ordering::SeqCst),
        }
        // Dropped without an end, it goes on for a while beside its successor.
        let service = start_with(program, dir, log, &outputs);
        for step in 0..30 {
            for record in records(round, step) {
                log.write(0, &record);
                text += &(record + "\n");
            }
            if step % 6 == 0 {
                std::thread::sleep(Duration::from_millis(25));
            }
        }
        if round % 2 == 0 {
            caught_up(&service);
        }
    }
    board.is_away.store(false, Ordering::SeqCst);
    text
}

/// What a processor answers that knows no more of the log than a place.
fn asked_up_to(program: &str, text: &str, place: usize) -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = MemoryPartitions::new(1);
    text[..place].lines().for_each(|line| prefix.write(0, line));
    let service = start_with(program, dir.path(), &prefix, &Outputs::default());
    let known = asked(&service);
    service.stop();
    known
}

#[test]
fn the_last_rows_up_to_any_place_are_the_totals_of_the_log_up_to_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let rounds = [Disturbance::None, Disturbance::Away, Disturbance::LostWords, Disturbance::Back].repeat(2);
    let text = disturbed(TOTALS, dir.path(), &log, &board, &rounds, |round, step| {
        // A session that moves from group to group, others that stay and end by silence, and some disorder.
        // Between two rounds all of them end.
        let t = round * 600 + step * 10 - 2 * (step % 3);
        let b = step % 2 == 0;
        let keys = [("mover", step / 4 % 3), (["x", "y", "z"][(step % 3) as usize], 7)];
        keys.map(|(key, c)| format!(r#"{{"k":"{key}","t":{t},"b":{b},"c":"c{c}"}}"#)).to_vec()
    });
    let outputs = to(OutputKind::Totals, &board);
    let service = start_with(TOTALS, dir.path(), &log, &outputs);
    let known = asked(&service);
    service.stop();
    let (rows, _) = heard(&board);
    assert_eq!(sorted(table(&rows).into_values()), sorted(known), "at the end");
    let places: BTreeSet<usize> = rows.iter().map(position).collect();
    assert!(places.len() > 3, "it was looked at often: {places:?}");
    assert!(places.contains(&text.len()), "the end is a place");
    assert!(rows.iter().any(|row| row["metric"] == "now" && row["count"].is_null()), "a group was left by all");
    assert!(rows.iter().all(|row| row["metric"] != "share"), "what is not aggregated has no totals");
    for place in places.iter().step_by(places.len().div_ceil(8)) {
        let known = asked_up_to(TOTALS, &text, *place);
        let told = table(rows.iter().filter(|row| position(row) <= *place));
        assert_eq!(sorted(told.into_values()), sorted(known), "up to {place}");
    }
    // Nothing changes, so nothing is told.
    let told = board.messages().len();
    start_with(TOTALS, dir.path(), &log, &outputs).stop();
    assert_eq!(board.messages().len(), told);
}

#[test]
fn totals_are_told_without_further_events_and_not_again_when_the_log_is_read_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    // Longer than the time between two checkpoints: the last change waits for it, and for no event.
    let outputs = to(OutputKind::Totals, &board).totals_every(Duration::from_millis(300));
    let service = start_with(TOTALS, dir.path(), &log, &outputs);
    for t in 0..20 {
        log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true,"c":"c"}}"#));
        std::thread::sleep(Duration::from_millis(10));
    }
    let sum =
        |board: &Board| heard(board).0.iter().rev().find(|row| row["metric"] == "m").map(|row| row["sum"].clone());
    eventually("the last change", || sum(&board) == Some(Json::from(19)));
    let messages = board.messages();
    assert!(messages.len() <= 2 * 5, "told every 300 ms at most: {}", messages.len());
    assert!(messages.iter().all(|message| message.key.ends_with(r#",0,"c"]"#)), "{messages:?}");
    service.stop();
    // Another metric lets the log be read again from its start, for many checkpoints; of those that stay nothing is told
    // before the place that was.
    let service = start_with(TOTALS, dir.path(), &log, &to(OutputKind::Totals, &board));
    for n in 100..15_000 {
        let t = n / 5;
        log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true,"c":"c"}}"#));
    }
    eventually("the last of many", || sum(&board) == Some(Json::from(2_999)));
    let other = TOTALS.replace("alert on = latest(b)", "metric more = count(b) | aggregate(count, sum)");
    service.deploy(vec![("p.tl".into(), other)], false, None).expect("it is deployed");
    eventually("the new metric", || heard(&board).0.iter().any(|row| row["metric"] == "more"));
    log.write(0, r#"{"k":"a","t":3000,"b":true,"c":"c"}"#);
    eventually("what comes then", || sum(&board) == Some(Json::from(3_000)));
    service.stop();
    let sums = heard(&board).0.into_iter().filter(|row| row["metric"] == "m").map(|row| row["sum"].as_i64());
    let sums: Vec<Option<i64>> = sums.collect();
    assert!(sums.is_sorted(), "no row goes back: {sums:?}");
}
