//! `timeline deploy`: adds or changes queries on a running processor.
//!
//! What replaces something reads the log before it answers, and the old definition answers until then. The command waits for
//! that by asking how far it is; the processor does it whether anybody waits or not.

use super::answer::{bare, not_yet};
use super::program;
use crate::args::ServerFlag;
use crate::client::{DeployReply, DeployRequest, DeployedName, NamedProgram, ProcessorClient};
use crate::error::Result;
use crate::output::table;
use crate::settings::SettingsFile;
use arrow::array::AsArray;
use event_feeder::world::{self, Instant};
use processor::engine::Page;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Add queries to a running processor, or change them; `--plan` only shows what that would do.
///
/// What is deployed already with the same meaning goes on undisturbed. Another definition of a known name takes its place
/// once it has read what the old one has read; until then the old one answers, and its committed rows stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline deploy --plan video.tl
  timeline deploy video.tl --from start
  timeline deploy video.tl --from now")]
pub(crate) struct Args {
    /// Programs; `-` is standard input.
    #[arg(value_name = "P.tl", required = true)]
    programs: Vec<PathBuf>,
    /// Show keep, rebuild or begin for each worker, and change nothing.
    #[arg(long)]
    plan: bool,
    /// Whether new queries replay the log from its start, or begin with what comes next.
    #[arg(long, value_enum, default_value_t = DeployFrom::Start)]
    from: DeployFrom,
    /// Do not wait until what reads the log from its start has caught up; it goes on by itself.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    server: ServerFlag,
}

/// Where a new query begins.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DeployFrom {
    /// With the first event of the log.
    Start,
    /// With the next event; sessions that may have begun before are partial.
    Now,
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let mut programs = vec![];
    for path in &args.programs {
        let (name, text) = program::read_whole(path)?;
        programs.push(NamedProgram { name, text });
    }
    let from = match args.from {
        DeployFrom::Start => "start",
        DeployFrom::Now => "now",
    };
    let request = DeployRequest { programs, plan: args.plan, from };
    let client = args.server.client(settings)?;
    let deployed = client.deploy(&request)?;
    std::io::stdout().write_all(describe(&deployed).as_bytes())?;
    tell(&deployed, args.plan);
    deployed.notes.iter().for_each(|note| eprintln!("{note}"));
    not_yet(&deployed.not_yet);
    match deployed.catching_up {
        Some(_) if args.no_wait => {
            eprintln!("it catches up with its log, and answers once it has; `timeline queries` says when");
            Ok(())
        }
        Some(number) => {
            wait(&client, number)?;
            tell_remarks(&client, &deployed.names);
            Ok(())
        }
        None => {
            if !args.plan {
                tell_remarks(&client, &deployed.names);
            }
            Ok(())
        }
    }
}

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Time between two lines that say how far it is.
const SAY: Duration = Duration::from_secs(2);

/// Waits until a deployment has caught up, and says how far it is.
fn wait(client: &ProcessorClient, number: u32) -> Result<()> {
    let mut said = Instant::now();
    let mut is_said = false;
    loop {
        let status = client.deployments()?;
        let Some(own) = status.catching_up.into_iter().find(|one| one.deployment == number) else {
            if is_said {
                eprintln!("caught up: it answers now");
            }
            return Ok(());
        };
        if said.elapsed() >= SAY {
            (said, is_said) = (Instant::now(), true);
            let far = own.per_cent.map_or_else(String::new, |per_cent| format!(": {per_cent} %"));
            let trouble = own.trouble.map_or_else(String::new, |trouble| format!("; it cannot go on now: {trouble}"));
            eprintln!("catching up with the log{far}; what answered before goes on until then{trouble}");
        }
        world::sleep(LOOK);
    }
}

/// Says what the records that were read say of what is new: what answered before may have been right where this is a silent 0.
fn tell_remarks(client: &ProcessorClient, names: &[DeployedName]) {
    // What is deployed is deployed, whether this can be asked or not.
    let Ok(rows) = client.queries(Page::ALL) else { return };
    for batch in rows.batches().map_while(Result::ok) {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let (Some(queries), Some(remarks)) = (text("name"), text("remarks")) else { return };
        for (name, remark) in queries.iter().zip(remarks).filter_map(|(name, remark)| Some((name?, remark?))) {
            if names.iter().any(|new| new.name == name && new.what != "unchanged") {
                eprintln!("{name}: {remark}");
            }
        }
    }
}

/// A line for what becomes of each name.
fn tell(deployed: &DeployReply, is_plan: bool) {
    for DeployedName { name, what, from_version, version, begins } in &deployed.names {
        let would = if is_plan { "would be " } else { "" };
        let begins = match begins.as_deref() {
            Some("now") => ", begins now",
            Some(_) => ", reads the log from its start",
            None => "",
        };
        match (what.as_str(), from_version) {
            ("unchanged", _) => eprintln!("{name}: {would}unchanged, version {version}"),
            (what, Some(from)) => {
                eprintln!("{name}: {would}{what}, version {from} -> {version}{begins}; rows of version {from} stay");
            }
            (what, None) => eprintln!("{name}: {would}{what}, version {version}{begins}"),
        }
    }
    if deployed.names.is_empty() {
        let verb = if is_plan { "would be" } else { "are" };
        for (names, what) in
            [(&deployed.added, "added"), (&deployed.changed, "changed"), (&deployed.unchanged, "there already")]
        {
            if !names.is_empty() {
                eprintln!("{} {verb} {what}", names.join(", "));
            }
        }
    }
}

/// A line for each worker: what becomes of it. Workers of several plans have numbers of their own in each.
fn describe(deployed: &DeployReply) -> String {
    let sources: BTreeSet<&str> = deployed.nodes.iter().map(|node| node.source.as_str()).collect();
    let named = |source: &str| if sources.len() > 1 { vec![source.to_owned()] } else { vec![] };
    let head = |source: Vec<String>| {
        let rest = ["node", "operator"].map(str::to_owned);
        std::iter::once("action".to_owned()).chain(source).chain(rest).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![head(named("source"))];
    for node in &deployed.nodes {
        let rest = [bare(&node.id), node.operator.clone()];
        rows.push(std::iter::once(node.action.clone()).chain(named(&node.source)).chain(rest).collect());
    }
    let plain = vec![false; rows[0].len()];
    table::aligned(&rows, &plain)
}
