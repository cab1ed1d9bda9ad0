//! What the front end takes for texts made to hurt: memory is counted here, by an allocator of the test's own.
//!
//! Bytes at once bound the memory; calls of the allocator and bytes in all stand for time, which no test should measure.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use timeline_dsl::editor::{complete, hover};
use timeline_dsl::{Defaults, ProgramText, compile, compile_expression, format, render, render_json};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    PEAK.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    CALLS.fetch_add(1, Relaxed);
}

// SAFETY: every call is passed on as it is; counting has no other effect.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        NOW.fetch_sub(layout.size(), Relaxed);
        grow(size);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEBIBYTE: usize = 1 << 20;
const SOURCE: &str = "source s { key k  time t in ms  x: string  n: int }\n";

/// As many copies as a program may hold.
fn full(head: &str, piece: &str) -> String {
    format!("{head}{}", piece.repeat((MEBIBYTE - head.len()) / piece.len()))
}

fn texts() -> Vec<(String, String)> {
    let mut all = vec![];
    let pieces = [
        "(",
        ")",
        "-",
        "latest(",
        "a.",
        "x &&",
        "\"",
        "'",
        "//",
        "\n",
        "{",
        "|",
        ";",
        "5s",
        "é",
        "source s {",
        "let a = b\n",
        "split by ",
        "over last 5s ",
        "n + ",
        "a ",
        "if(x,",
        "key a ",
        "t[",
        "t[x].",
        "table t from \"f\" {",
        "\"data:table/",
    ];
    for piece in pieces {
        for head in ["", "source s { key k  time t in ms  x: string  n: int }\nmetric m = "] {
            all.push((format!("{head:.8} {piece:?}"), full(head, piece)));
        }
    }
    // A million deep.
    for piece in ["(", "!", "-"] {
        all.push((format!("deep {piece}"), format!("{SOURCE}let a = {}", piece.repeat(1_000_000))));
    }
    let lets: String = (0..20_000).map(|i| format!("let a{i} = latest(x) == \"{i}\"\n")).collect();
    all.push(("many lets".into(), format!("{SOURCE}{}", &lets[..lets.len().min(MEBIBYTE - 100)])));
    all
}

/// Runs something, and says how many bytes it had at most at once, and how often it asked for some.
fn measured(f: impl FnOnce()) -> (usize, usize) {
    let (before, calls) = (NOW.load(Relaxed), CALLS.load(Relaxed));
    PEAK.store(before, Relaxed);
    f();
    (PEAK.load(Relaxed) - before, CALLS.load(Relaxed) - calls)
}

#[test]
fn a_mebibyte_of_anything_takes_a_bounded_multiple_of_it() {
    let mut worst = (0, String::new());
    for (name, text) in texts() {
        let program = ProgramText { name: "p.tl".into(), text, ..ProgramText::default() };
        let programs = std::slice::from_ref(&program);
        let middle = (0..=program.text.len() / 2).rev().find(|i| program.text.is_char_boundary(*i)).unwrap_or(0);
        let (peak, calls) = measured(|| {
            let compilation = compile(programs);
            render(&compilation.diagnostics, programs, true);
            render_json(&compilation.diagnostics, programs);
            compile_expression(&program.text, &Defaults::default());
            if let Ok(text) = format(&program.text) {
                assert!(text.len() <= 200 * MEBIBYTE, "{name}: laid out in {} bytes", text.len());
            }
            hover(&program.text, middle);
            complete(&program.text, middle);
        });
        assert!(peak <= 400 * MEBIBYTE, "{name}: {peak} bytes at once");
        assert!(calls <= 40 * MEBIBYTE, "{name}: {calls} calls of the allocator");
        if peak > worst.0 {
            worst = (peak, name);
        }
    }
    // A bound that is never come near says nothing.
    assert!(worst.0 > 10 * MEBIBYTE, "{worst:?}");
    println!("{worst:?}");
}
