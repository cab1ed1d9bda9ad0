//! Golden drawings.

use super::{Drawing, DrawnEvent, DrawnRow, DrawnSpan, DrawnValue, Style, draw};

const SECOND: i64 = 1_000_000_000;

fn spans(parts: &[(i64, Option<i64>, DrawnValue)]) -> Vec<DrawnSpan> {
    let span = |(start, end, value): &(i64, Option<i64>, DrawnValue)| DrawnSpan {
        start: start * SECOND,
        end: end.map(|e| e * SECOND),
        value: value.clone(),
    };
    parts.iter().map(span).collect()
}

fn row(label: &str, last: &str, parts: &[(i64, Option<i64>, DrawnValue)]) -> DrawnRow {
    DrawnRow { label: label.into(), last: last.into(), spans: spans(parts) }
}

fn state(s: &str) -> DrawnValue {
    DrawnValue::State(s.into())
}

/// Play and buffer over a minute, still open.
fn session() -> Drawing {
    Drawing {
        start: 0,
        end: 60 * SECOND,
        rows: vec![
            row(
                "latest(playerState)",
                "play",
                &[(3, Some(8), state("buffer")), (8, Some(20), state("play")), (20, None, state("buffering again"))],
            ),
            row(
                "playing",
                "true",
                &[
                    (0, Some(8), DrawnValue::Bool(false)),
                    (8, Some(32), DrawnValue::Bool(true)),
                    (32, Some(33), DrawnValue::Bool(false)),
                    (33, None, DrawnValue::Bool(true)),
                ],
            ),
            row(
                "buffered",
                "41.5",
                &[
                    (0, Some(3), DrawnValue::Number { value: 0.0, slope: 0.0 }),
                    (3, Some(20), DrawnValue::Number { value: 0.0, slope: 1.0 }),
                    (20, Some(40), DrawnValue::Number { value: 17.0, slope: 0.0 }),
                    (40, None, DrawnValue::Number { value: 17.0, slope: 1.225 }),
                ],
            ),
            row("seeks", "", &[(20, Some(20), DrawnValue::Event)]),
        ],
        events: [(0, "cdn=C1"), (20, "seek"), (20, "seek"), (40, "buffer"), (59, "end")]
            .map(|(t, text)| DrawnEvent { time: t * SECOND, text: text.into() })
            .to_vec(),
    }
}

#[track_caller]
fn check(drawing: &Drawing, width: usize, ascii: bool, expect: &str) {
    let drawn = draw(drawing, &Style { width, ascii, colour: false });
    assert_eq!(drawn, expect, "\n{drawn}");
}

#[test]
fn every_kind_in_unicode() {
    check(
        &session(),
        90,
        false,
        "\
latest(playerState)    │buff…│───play────│─────────────buffering again──────────────▶ play
playing             ▁▁▁▁▁▁▁▁▁█████████████████████████▁█████████████████████████████  true
buffered            ▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇███  41.5
seeks                                    •
events              •cdn=C1              2                    •buffer             •
                    └─────────┴──────────┴──────────┴─────────┴──────────┴─────────┴
                    0s        10s        20s        30s       40s        50s       1m
                    from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, 1m
",
    );
}

#[test]
fn every_kind_in_ascii() {
    check(
        &session(),
        90,
        true,
        "\
latest(playerState)    |buff~|---play----|-------------buffering again--------------> play
playing             _________#########################_#############################  true
buffered            ______.......::::::---------------------------=====+++++*****###  41.5
seeks                                    *
events              *cdn=C1              2                    *buffer             *
                    +---------+----------+----------+---------+----------+---------+
                    0s        10s        20s        30s       40s        50s       1m
                    from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, 1m
",
    );
}

#[test]
fn short_spans_stay_visible() {
    let blink = row(
        "blink",
        "false",
        &[
            (0, Some(500), DrawnValue::Bool(false)),
            (500, Some(501), DrawnValue::Bool(true)),
            (501, None, DrawnValue::Bool(false)),
        ],
    );
    let drawing = Drawing { start: 0, end: 1000 * SECOND, rows: vec![blink], events: vec![] };
    let drawn = draw(&drawing, &Style { width: 60, ascii: true, colour: false });
    assert_eq!(drawn.lines().next().unwrap().matches('#').count(), 1, "{drawn}");
}

#[test]
fn closed_states_end_with_an_edge_and_gaps_are_blank() {
    let gap = row("s", "", &[(0, Some(4), state("a")), (6, Some(10), state("b"))]);
    check(
        &Drawing { start: 0, end: 10 * SECOND, rows: vec![gap], events: vec![] },
        23,
        true,
        "\
s |---a---|   |---b---|
  +---------+--------+
  0s        5s
  from 1970-01-01T00:0~
",
    );
}

#[test]
fn no_width_and_no_range_panics() {
    let mut drawing = session();
    for width in 0..60 {
        for end in [0, 1, 7, 60 * SECOND, i64::MAX] {
            drawing.end = end;
            for ascii in [true, false] {
                draw(&drawing, &Style { width, ascii, colour: true });
            }
        }
    }
    drawing.start = i64::MIN;
    draw(&drawing, &Style { width: 80, ascii: false, colour: false });
    draw(&Drawing::default(), &Style { width: 80, ascii: false, colour: false });
}

#[test]
fn lines_keep_to_the_width() {
    for width in 45..130 {
        let drawn = draw(&session(), &Style { width, ascii: false, colour: false });
        for line in drawn.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let style = Style { width: 90, ascii: false, colour: true };
    let mut plain = String::new();
    let coloured = draw(&session(), &style);
    assert!(coloured.contains("\x1b[32m"));
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    plain.push_str(rest);
    assert_eq!(plain, draw(&session(), &Style { colour: false, ..style }));
}

#[test]
fn no_two_rows_read_the_same() {
    let on = [(0, None, DrawnValue::Bool(true))];
    let long = "duration_where(latest(playerState) == \"buffer\" && ";
    let labels = [format!("{long}a)"), format!("{long}b)"), format!("{long}a)"), "short".to_owned()];
    let rows = labels.iter().map(|label| row(label, "", &on)).collect();
    let drawing = Drawing { start: 0, end: SECOND, rows, events: vec![] };
    let text = draw(&drawing, &Style { width: 60, ascii: false, colour: false });
    let shown: Vec<&str> = text.lines().take(4).map(|line| line.split(['█', '▇']).next().unwrap().trim_end()).collect();
    assert!(shown[0].starts_with("duration_where(") && shown[0].ends_with('…'), "{text}");
    assert!(shown[1].starts_with('…') && shown[1].ends_with("&& b)"), "{text}");
    assert!(shown[2].starts_with('…') && shown[2].ends_with("&& a)"), "{text}");
    assert_eq!(shown[3], "short", "{text}");
}
