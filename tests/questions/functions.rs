//! Every function of SQL with arguments that nobody means: large, odd, and of the wrong type.

use super::{Outcome, Site};
use std::time::{Duration, Instant};

/// How long all calls may take together; what is not called by then is not called.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Arguments, from the usual to the worst.
const ARGUMENTS: [&str; 20] = [
    "0",
    "-1",
    "2000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "1e-300",
    "0.5",
    "CAST('NaN' AS DOUBLE)",
    "'a'",
    "''",
    "'%'",
    "'1 day'",
    "'é日本'",
    "NULL",
    "true",
    "repeat('x', 100000)",
    "TIMESTAMP '2024-02-29T12:00:00'",
    "INTERVAL '1' YEAR",
    "[1, 2, NULL]",
];

/// Calls that make much of little.
const LARGE: [&[&str]; 4] =
    [&["'a'", "2000000000"], &["'a'", "2000000000", "'b'"], &["1", "2000000000"], &["2000000000", "'a'"]];

/// Numbers of a seed (xorshift).
struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn no_function_does_harm_whatever_it_is_given() {
    let mut site = Site::start();
    let Outcome::Rows(rows) = site
        .ask("SELECT DISTINCT routine_name FROM information_schema.routines WHERE function_type = 'SCALAR' ORDER BY 1")
    else {
        panic!("functions are not listed")
    };
    let names: Vec<&str> = rows.iter().filter_map(|row| row["routine_name"].as_str()).collect();
    assert!(names.len() > 100, "{names:?}");
    let begun = Instant::now();
    let mut seed = Seed(20_261_129);
    let (mut answered, mut refused, mut coded) = (0, 0, 0);
    'all: for round in 0..24 {
        for name in &names {
            if begun.elapsed() > TIME_MAX {
                break 'all;
            }
            let count = 1 + (round + seed.below(3)) % 3;
            // What is known to be large comes first.
            let arguments: Vec<&str> = match LARGE.get(round) {
                Some(large) => large.to_vec(),
                None => (0..count).map(|_| ARGUMENTS[seed.below(ARGUMENTS.len())]).collect(),
            };
            let sql = format!("SELECT \"{name}\"({})", arguments.join(", "));
            let at = Instant::now();
            match site.ask_for(&sql, 5.0) {
                Outcome::Rows(_) => answered += 1,
                Outcome::Refused(message) => {
                    assert!(!message.is_empty(), "{sql}");
                    refused += 1;
                    coded += usize::from(message.starts_with("[TL30"));
                }
            }
            assert!(at.elapsed() < Duration::from_secs(15), "{sql} took {:?}", at.elapsed());
        }
        site.is_well("functions");
        site.grow();
    }
    println!("{answered} answered, {refused} refused, of these {coded} by a limit, in {:?}", begun.elapsed());
    assert!(answered > 500 && coded > 2, "{answered} answered, {coded} by a limit");
    site.counts_all();
}
