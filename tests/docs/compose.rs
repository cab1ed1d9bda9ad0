//! `docker-compose.yml` and the `Dockerfile`, as far as they can be checked where no engine runs: every command of ours
//! in them is one that the command line takes, every variable is one that it reads, and every file is there.

use super::root;
use crate::cli::Sandbox;
use std::process::Command;

/// Lists of arguments: flow sequences that begin with a subcommand, and block sequences below `command:`, which is `args:`
/// for Kubernetes.
pub(super) fn commands(yaml: &str) -> Vec<Vec<String>> {
    let bare = |item: &str| item.trim().trim_matches('"').to_owned();
    let mut all: Vec<Vec<String>> = vec![];
    let mut open: Option<usize> = None;
    for line in yaml.lines() {
        let text = line.trim();
        let depth = line.len() - line.trim_start().len();
        if let Some(rest) = text.strip_prefix("command:").or_else(|| text.strip_prefix("args:")) {
            open = None;
            if let Some(list) = rest.trim().strip_prefix('[') {
                all.push(list.trim_end_matches(']').split(", ").map(bare).collect());
            } else if !rest.trim().starts_with('*') {
                all.push(vec![]);
                open = Some(depth);
            }
        } else if let (Some(item), Some(_)) = (text.strip_prefix("- "), open.filter(|o| depth > *o)) {
            all.last_mut().unwrap().push(bare(item));
        } else if !text.is_empty() {
            open = None;
        }
    }
    all.retain(|list| list.first().is_some_and(|first| ["serve", "produce"].contains(&first.as_str())));
    all
}

#[cfg(feature = "pulsar")]
#[test]
fn the_compose_file_says_what_the_command_line_takes() {
    let compose = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let commands = commands(&compose);
    assert!(commands.len() >= 3, "{commands:?}");
    let sandbox = Sandbox::new();
    for command in &commands {
        // Whatever stands before `--help` must be known, or it is wrong usage.
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let run = sandbox.run(&args);
        assert_eq!(run.code, 0, "{command:?}: {}", run.stderr);
    }
    // The help breaks its lines where it likes.
    let help = sandbox.run(&["serve", "--help"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let variables: Vec<&str> =
        compose.split_whitespace().filter_map(|w| w.strip_suffix(':')).filter(|w| w.starts_with("TIMELINE_")).collect();
    assert!(variables.contains(&"TIMELINE_ADVERTISE"), "{variables:?}");
    for variable in variables {
        assert!(help.contains(&format!("[env: {variable}=")), "{variable} is no variable of `serve`");
    }
}

#[test]
fn a_flag_that_is_none_would_be_found() {
    let run = Sandbox::new().run(&["serve", "p.tl", "--advertice", "a:1", "--help"]);
    assert_eq!(run.code, 2);
    let yaml = "x:\n  command:\n    - serve\n    - \"a b\"\n  ports: [1]\ny:\n  command: [\"produce\", \"video\"]\nz:\n  command: [\"sh\"]\nw:\n  args:\n    - serve\n";
    assert_eq!(commands(yaml), [vec!["serve", "a b"], vec!["produce", "video"], vec!["serve"]]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_image_has_all_that_the_binary_needs() {
    let script = root().join("docker/contents");
    let output = Command::new("bash").arg(script).arg(env!("CARGO_BIN_EXE_timeline")).output().unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{wrong}");
    for file in ["/usr/local/bin/timeline", "/usr/share/timeline/examples/video.tl", "/usr/share/doc/timeline/LICENSE"]
    {
        assert!(told.lines().any(|line| line.ends_with(&format!("  {file}"))), "{file}: {told}");
    }
}
