//! `timeline completions`: what a shell needs to complete our command line.
//!
//! The words of the command line come from its definition; the names of metrics, alerts and sessions from the processor
//! that is asked, when they are needed, by `timeline known`.

use crate::args::Cli;
use crate::error::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Write the completions of a shell to standard output.
///
/// Those of bash, zsh and fish know the names of metrics, alerts and sessions of the processor that TIMELINE_SERVER or
/// timeline.toml names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline completions bash > ~/.local/share/bash-completion/completions/timeline
  timeline completions fish > ~/.config/fish/completions/timeline.fish")]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "timeline", &mut script);
    let script = with_names(args.shell, &String::from_utf8_lossy(&script));
    std::io::stdout().write_all(script.as_bytes())?;
    Ok(())
}

/// Behind what bash completes of itself.
const BASH: &str = r#"
_timeline_known() {
    _timeline "$@"
    local kind= word="${COMP_WORDS[COMP_CWORD]}" IFS=$'\n'
    case "${COMP_WORDS[1]}" in
        watch|outliers|drop) kind=queries ;;
        session) kind=sessions ;;
    esac
    if [[ -n $kind && $word != -* ]]; then
        COMPREPLY+=($("${COMP_WORDS[0]}" known "$kind" "$word" 2>/dev/null))
    fi
}
complete -F _timeline_known -o bashdefault -o default timeline
"#;

const FISH: &str = r#"
complete -c timeline -n "__fish_seen_subcommand_from watch outliers drop" -f -a "(timeline known queries (commandline -ct) 2>/dev/null)"
complete -c timeline -n "__fish_seen_subcommand_from session" -f -a "(timeline known sessions (commandline -ct) 2>/dev/null)"
"#;

const ZSH: &str = r#"
_timeline_queries() { local -a known; known=(${(f)"$(timeline known queries "$PREFIX" 2>/dev/null)"}); compadd -a known }
_timeline_sessions() { local -a known; known=(${(f)"$(timeline known sessions "$PREFIX" 2>/dev/null)"}); compadd -a known }
"#;

/// The script of a shell, asking for names where they stand.
fn with_names(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}{BASH}"),
        Shell::Fish => format!("{script}{FISH}"),
        Shell::Zsh => {
            let mut lines: Vec<String> = vec![];
            for line in script.lines() {
                let names = match line.trim_start().split(" -- ").next() {
                    Some("':what" | "':name") => Some("_timeline_queries"),
                    Some("':key") => Some("_timeline_sessions"),
                    _ => None,
                };
                lines.push(match names {
                    Some(names) => line.replace(":_default'", &format!(":{names}'")),
                    None => line.to_owned(),
                });
                // The first line says which command the file is for.
                if lines.len() == 1 {
                    lines.push(ZSH.to_owned());
                }
            }
            lines.join("\n") + "\n"
        }
        // The others have no way to ask.
        _ => script.to_owned(),
    }
}
