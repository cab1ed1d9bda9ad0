//! What evaluation costs, in instructions that callgrind counts: they are the same on any machine, so they do not creep up
//! unseen. They are those of the profile that tests are built with, which are several times those of a release.

use crate::cli::Sandbox;
use std::process::Command;

/// What each may cost at most: what it costs, and a fifth for other libraries and their threads. It is the development
/// profile's: generic code of the standard library is taken there from whichever crate has it, and some are not optimised.
const EVENT_MAX: i64 = 11_600;
const SESSION_MAX: i64 = 32_000;
const WINDOW_MAX: i64 = 22_400;

/// How many events each of some sessions has, in turn; a session is over when the log is.
struct Log {
    sessions: usize,
    turns: usize,
}

impl Log {
    fn write(&self) -> String {
        let mut text = String::new();
        for turn in 0..self.turns {
            for session in 0..self.sessions {
                let at = 1_700_000_000_000 + (turn * 2_000 + session) as u64;
                let said = match turn % 5 {
                    0 => r#""playerState":"buffer","cdn":"C1""#,
                    1 => r#""playerState":"play","cdn":"C2""#,
                    2 => r#""userAction":"seek""#,
                    3 => r#""playerState":"buffer""#,
                    _ => r#""playerState":"play","cdn":"C1""#,
                };
                text += &format!("{{\"ts\":{at},\"sessionId\":\"s{session:06}\",\"seq\":{turn},{said}}}\n");
            }
        }
        text
    }
}

/// The instructions of a command in a sandbox; none where there is no valgrind.
fn instructions(sandbox: &Sandbox, args: &[&str]) -> Option<i64> {
    let own = sandbox.command();
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own.get_program());
    command.args(args).current_dir(sandbox.path());
    let output = command.output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let counted = said.lines().find_map(|line| line.split_once("Collected : ")).expect("it says what it counted");
    Some(counted.1.trim().parse().expect("a number"))
}

fn of_log(log: &Log) -> Option<i64> {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", include_str!("../../examples/video.tl"));
    sandbox.file("log.ndjson", log.write());
    let args = ["eval", "video.tl", "log.ndjson", "--show", "totals", "--threads", "1", "--format", "jsonl"];
    instructions(&sandbox, &args)
}

#[test]
fn an_event_and_a_session_cost_no_more_than_is_said() {
    let all = [(200, 20), (200, 60), (1_200, 20)].map(|(sessions, turns)| of_log(&Log { sessions, turns }));
    let [Some(base), Some(longer), Some(more)] = all else {
        return println!("there is no valgrind: instructions are not counted");
    };
    let event = (longer - base) / (200 * 40);
    let session = (more - base - 1_000 * 20 * event) / 1_000;
    println!("{event} instructions an event, {session} a session");
    assert!(event <= EVENT_MAX, "{event} instructions an event, at most {EVENT_MAX} are said");
    assert!(session <= SESSION_MAX, "{session} instructions a session, at most {SESSION_MAX} are said");
}

#[test]
fn a_window_in_which_nothing_happens_costs_no_more_than_is_said() {
    let of = |windows: u64| {
        let sandbox = Sandbox::new();
        sandbox.file(
            "quiet.tl",
            "source s { key k  time t in s  b: bool }\n\
             metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), sum)\n",
        );
        let end = windows * 60;
        sandbox.file(
            "log.ndjson",
            format!("{{\"k\":\"a\",\"t\":0,\"b\":true}}\n{{\"k\":\"a\",\"t\":{end},\"b\":true}}\n"),
        );
        let args = ["eval", "quiet.tl", "log.ndjson", "--show", "alerts", "--threads", "1", "--format", "jsonl"];
        instructions(&sandbox, &args)
    };
    let (Some(few), Some(many)) = (of(2_000), of(12_000)) else {
        return println!("there is no valgrind: instructions are not counted");
    };
    let window = (many - few) / 10_000;
    println!("{window} instructions a window");
    assert!(window <= WINDOW_MAX, "{window} instructions a window, at most {WINDOW_MAX} are said");
}
