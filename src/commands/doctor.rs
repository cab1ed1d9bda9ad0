//! `timeline doctor`: whether sources and state are whole and fit together, and what to do where they do not.
//!
//! It looks and changes nothing. Each finding is a line: `ok`, `fault` and `warn` with what to do, or `?` for what cannot be told.

mod files;
mod keys;
mod outputs;
mod records;
mod room;
mod state;

use super::serve;
use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use event_feeder::pulsar::{BrokerSettings, Client, TopicRemainder};
use event_feeder::world;
use event_feeder::{AcceptGaps, Format, Gap, Payload, Position, RecordCode, sniff};
use event_producer::produce::Access;
use processor::checkpoint::{StateLocation, inspect};
use processor::input::{Log, LogPartition, Topics};
use processor::log_position;
use std::collections::BTreeMap;
use std::path::PathBuf;
use timeline_core::plan::{Csv, Plan, SourceDefinition};

/// Check sources, permissions, subscriptions, state and clock, and say what to do.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline doctor --state state
  timeline doctor --source 'file:logs/*.ndjson' --state state
  timeline doctor --source pulsar://localhost:6650/player --state state
  timeline doctor --source pulsar://localhost:6650/player --alerts-to pulsar://localhost:6650/alerts
  timeline doctor video.tl --source pulsar://localhost:6650/player
  timeline doctor --source player=pulsar://localhost:6650/player --state state --admin http://localhost:8080

Exits with 1 if it finds a fault.")]
pub(crate) struct Args {
    /// Programs whose keys and columns are looked at beside those that the state has deployed.
    #[arg(value_name = "P.tl")]
    programs: Vec<PathBuf>,
    /// Files or a topic, as `serve` takes them; NAME= says which source's state is meant.
    #[arg(long = "source", value_name = "[NAME=]PLACE")]
    sources: Vec<String>,
    /// Where the state is kept [default: .timeline].
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TIMELINE_STATE")]
    state: Option<String>,
    /// The subscription under which topics are read [default: timeline].
    #[arg(long, value_name = "NAME", env = "TIMELINE_SUBSCRIPTION")]
    subscription: Option<String>,
    /// Pulsar's HTTP address, for what only that knows: where the subscription's cursor is.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// How many messages of each partition are looked at for their keys.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    messages: usize,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    outputs: serve::OutputFlags,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    faults: usize,
}

impl Findings {
    fn ok(&mut self, what: &str) {
        println!("ok     {what}");
    }

    fn unknown(&mut self, what: &str) {
        println!("?      {what}");
    }

    /// What is hardly meant, and no fault for all that is known.
    fn warn(&mut self, what: &str, todo: &str) {
        println!("warn   {what}\n       {todo}");
    }

    fn fault(&mut self, what: &str, todo: &str) {
        self.faults += 1;
        println!("fault  {what}\n       {todo}");
    }
}

impl Args {
    /// The flags, and the settings where there is no flag.
    fn or(&self, settings: &SettingsFile) -> Args {
        let mut args = self.clone();
        args.subscription = args.subscription.or_else(|| settings.subscription.clone());
        args.access.token_file = args.access.token_file.or_else(|| settings.pulsar_token_file());
        args.access.ca = args.access.ca.or_else(|| settings.pulsar_ca.clone());
        args
    }

    fn subscription(&self) -> &str {
        self.subscription.as_deref().unwrap_or("timeline")
    }
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let args = &args.or(settings);
    let state = args.state.as_deref().or(settings.state.as_deref()).unwrap_or(".timeline");
    let state = StateLocation::parse(state).map_err(|error| Error::Usage(format!("--state {error}")))?;
    let mut findings = Findings::default();
    findings.ok(&format!("timeline {}", env!("CARGO_PKG_VERSION")));
    room::check(&state, &mut findings);
    if !state::can_be_asked(&state, &mut findings) {
        findings.unknown("nothing else was looked at, for all of it is compared with the state");
        return told(&findings);
    }
    state::check(&state, now(), &mut findings);
    let plans = keys::plans(&args.programs, &state, &mut findings)?;
    let declared = keys::declared(&plans);
    let mut seen: Vec<(String, Keys)> = vec![];
    for text in &args.sources {
        let (name, place) = named(text);
        if let Some(pattern) = place.strip_prefix("file:") {
            let of_log = |(of, place): (Option<&str>, &str)| {
                Some(place.strip_prefix("file:")?.to_owned()).filter(|_| of == name)
            };
            let log: Vec<String> = args.sources.iter().filter_map(|text| of_log(named(text))).collect();
            files::check(&state, &plans, name, (pattern, &log), &mut findings);
            continue;
        }
        let keys = source(args, &state, &plans, &declared, name, place, &mut findings)?;
        seen.extend(name.map(|name| (name.to_owned(), keys)));
    }
    for group in groups(&state) {
        one_router(&group, &seen, &mut findings);
    }
    outputs::look(args, settings, &mut findings)?;
    told(&findings)
}

/// What it comes to.
fn told(findings: &Findings) -> Result<()> {
    match findings.faults {
        0 => Ok(()),
        1 => Err(Error::Other(anyhow::anyhow!("1 fault was found"))),
        n => Err(Error::Other(anyhow::anyhow!("{n} faults were found"))),
    }
}

/// The wall clock.
fn now() -> i64 {
    let since = world::wall_clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// `[NAME=]PLACE`.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, place)) if !name.contains(':') && !name.contains('/') => (Some(name), place),
        _ => (None, text),
    }
}

/// How many bytes of a partition's messages are looked at for the names that they have.
const LINES_MAX: usize = 1 << 20;

/// The partitions in which a key was seen, each with a producer that put it there.
type Keys = BTreeMap<String, BTreeMap<u32, String>>;

fn source(
    args: &Args,
    state: &StateLocation,
    plans: &[Plan],
    declared: &[SourceDefinition],
    name: Option<&str>,
    place: &str,
    findings: &mut Findings,
) -> Result<Keys> {
    let (broker, topics) = Topics::parse(place).map_err(|reason| Error::Usage(format!("--source {reason}")))?;
    let client = args.access.client(&broker).map_err(|error| Error::Other(error.into()))?;
    for topic in &topics {
        match client.exists(topic) {
            Ok(true) => findings.ok(&format!("{topic} is there, and {broker} answers")),
            Ok(false) => {
                findings.fault(&format!("{broker} has no {topic}"), "check its name, or publish to it first");
                return Ok(Keys::new());
            }
            Err(error) => {
                findings.fault(&error.to_string(), error.code().help());
                return Ok(Keys::new());
            }
        }
    }
    let settings = BrokerSettings { broker, ..client.settings().clone() };
    let log = Topics::new(settings, topics, args.subscription().to_owned()).map_err(|e| Error::Other(e.into()))?;
    let parts = match log.partitions() {
        Ok(parts) => parts,
        Err(error) => {
            findings.fault(&error.to_string(), error.code().help());
            return Ok(Keys::new());
        }
    };
    let mut keys = Keys::new();
    let mut own = keys::of_source(declared, name).map(keys::SeenEvents::new);
    let mut lines = vec![];
    for part in &parts {
        match client.look(&part.name, Position::START, args.messages) {
            Ok(look) => {
                findings.ok(&format!("{} can be read; {} messages were looked at", part.name, look.keys.len()));
                if let Some(Payload::Lines(bytes)) = look.block.as_ref().map(|block| &block.payload) {
                    lines.extend_from_slice(&bytes[..bytes.len().min(LINES_MAX)]);
                }
                if let Some(remark) = &look.remark {
                    findings.warn(
                        &format!("{}: [{}] {remark}", part.name, RecordCode::MostlyNulls),
                        RecordCode::MostlyNulls.help(),
                    );
                }
                if let (Some(seen), Some(block)) = (&mut own, look.block) {
                    seen.add(part.number, block);
                }
                for (key, producer) in look.keys.into_iter().filter(|(key, _)| !key.is_empty()) {
                    keys.entry(key).or_default().insert(part.number, producer);
                }
            }
            Err(error) => {
                findings.fault(&error.to_string(), error.code().help());
                continue;
            }
        }
        positions(args, &client, state, name, part, findings);
    }
    routes(&keys, parts.len(), findings);
    if let Ok(seen) = sniff(Format::Ndjson, &lines, place, Csv::default()) {
        records::check(plans, name, place, seen, findings);
    }
    match own {
        _ if parts.len() < 2 => {}
        Some(seen) => return Ok(seen.judge(findings)),
        None => findings.unknown(&format!(
            "{place}: whether its messages have the key that a program names is not known: name the program, \
             `timeline doctor P.tl --source [NAME=]{place}`"
        )),
    }
    Ok(keys)
}

/// Whether any key is in two partitions.
fn routes(keys: &Keys, parts: usize, findings: &mut Findings) {
    if parts < 2 {
        return;
    }
    match keys.iter().find(|(_, places)| places.len() > 1) {
        None => findings.ok(&format!("each of {} message keys is in one partition", keys.len())),
        Some((key, places)) => {
            let places: Vec<String> =
                places.iter().map(|(part, producer)| format!("{part} (producer {producer})")).collect();
            findings.fault(
                &format!("message key {key} is in partitions {}", places.join(" and ")),
                "let all producers of the topic route keys alike: the same client library, or the same hashing scheme; \
                 sessions that are spread over partitions cannot be put together",
            );
        }
    }
}

/// The sources of the state that share sessions.
fn groups(state: &StateLocation) -> Vec<Vec<String>> {
    let names = match state {
        StateLocation::Local(folder) => std::fs::read_dir(folder.join("sources"))
            .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default(),
        #[cfg(feature = "s3")]
        StateLocation::Bucket(_) => vec![],
    };
    let members = |name: &String| name.split('+').map(str::to_owned).collect::<Vec<_>>();
    names.iter().map(members).filter(|members| members.len() > 1).collect()
}

/// Whether sources that share sessions have each key in the same partition.
fn one_router(group: &[String], seen: &[(String, Keys)], findings: &mut Findings) {
    let own: Vec<&(String, Keys)> = seen.iter().filter(|(name, _)| group.contains(name)).collect();
    let [(first, keys), rest @ ..] = &own[..] else { return };
    for (other, theirs) in rest {
        let apart = keys.iter().find_map(|(key, places)| {
            let there = theirs.get(key)?;
            let (a, b) = (places.keys().next()?, there.keys().next()?);
            (a != b).then_some((key, a, b))
        });
        match apart {
            None => findings.ok(&format!("{first} and {other}, which share sessions, have their keys in the same partitions")),
            Some((key, a, b)) => findings.fault(
                &format!("{first} and {other} share sessions, and key {key} is in partition {a} of the one and {b} of the other"),
                "let the producers of both topics route keys alike: the same client library, or the same hashing scheme",
            ),
        }
    }
}

/// Whether the topic still has what the state's checkpoints need, and the cursor is not ahead of them.
fn positions(
    args: &Args,
    client: &Client,
    state: &StateLocation,
    name: Option<&str>,
    part: &LogPartition,
    findings: &mut Findings,
) {
    let what = &part.name;
    let Some(Oldest { place: oldest, gaps, deployment }) = oldest(state, args, name, part, findings) else {
        if let Some(admin) = &args.admin
            && let Ok(Some(cursor)) = cursor(admin, what, args.subscription())
            && cursor.offset > 0
        {
            let (code, subscription) = (RecordCode::Acknowledged, args.subscription());
            let said =
                format!("[{code}] {what}: subscription {subscription} has acknowledged everything before {cursor}");
            findings.fault(&format!("{said}, and there is no state that has it"), code.help());
        }
        return;
    };
    match client.behind(what, oldest) {
        Ok(TopicRemainder::Whole(_)) => findings.ok(&format!("{what}: nothing that the state needs is gone ({oldest})")),
        Ok(TopicRemainder::Gap(gap)) if gaps.contains(&gap) => {
            findings.ok(&format!("{what}: {gap} is gone, which was accepted; nothing else that the state needs is"));
        }
        Ok(TopicRemainder::Gap(gap)) => findings.fault(
            &format!("{what}: {}", gap.reason()),
            &format!(
                "lengthen the topic's retention; start over with an empty state, or accept the loss with --accept-gap={}",
                AcceptGaps::name(what, &gap)
            ),
        ),
        Ok(TopicRemainder::Other(end)) => findings.fault(
            &format!("{what} ends at {end}, before {oldest} that the state needs: it is another topic of that name"),
            RecordCode::OtherTopic.help(),
        ),
        Err(error) => findings.fault(&error.to_string(), error.code().help()),
    }
    let Some(admin) = &args.admin else { return };
    let subscription = match deployment {
        None => args.subscription().to_owned(),
        Some(number) => format!("{}@{number}", args.subscription()),
    };
    match cursor(admin, what, &subscription) {
        Ok(Some(cursor)) if cursor > oldest => findings.fault(
            &format!("{what}: subscription {subscription} is at {cursor}, ahead of the state at {oldest}"),
            "somebody else reads by this subscription, or the state was put back: choose a subscription of its own, or \
             reset this one with `pulsar-admin topics reset-cursor`",
        ),
        Ok(Some(cursor)) => findings.ok(&format!("{what}: the subscription is at {cursor}, not ahead of the state")),
        Ok(None) => findings.unknown(&format!("{what}: there is no subscription {subscription} yet")),
        Err(reason) => findings.fault(&format!("{admin}: {reason}"), "check --admin: Pulsar's HTTP address"),
    }
}

/// What the state of a partition needs of its log.
struct Oldest {
    /// The position of the oldest checkpoint that is kept.
    place: Position,
    /// The gaps that were accepted by the newest.
    gaps: Vec<Gap>,
    /// The number of its deployment, where that is part of its name.
    deployment: Option<String>,
}

/// What the first reading of a partition needs that is not over.
fn oldest(
    state: &StateLocation,
    args: &Args,
    name: Option<&str>,
    part: &LogPartition,
    findings: &mut Findings,
) -> Option<Oldest> {
    let mut names: Vec<String> = match (name, state) {
        (_, StateLocation::Local(folder)) => std::fs::read_dir(folder.join("sources"))
            .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default(),
        // Alone, or with the others in the order in which they are given.
        #[cfg(feature = "s3")]
        (Some(name), StateLocation::Bucket(_)) => {
            let all: Vec<&str> = args.sources.iter().filter_map(|text| named(text).0).collect();
            vec![name.to_owned(), all.join("+")]
        }
        #[cfg(feature = "s3")]
        (None, StateLocation::Bucket(_)) => {
            findings.unknown("say which source's state is meant: --source NAME=pulsar://...");
            return None;
        }
    };
    names.sort();
    let over = state::over(state);
    for group in names {
        let members = state::sources_of(&group);
        let source = match (name, &members[..]) {
            (Some(name), all) => all.iter().position(|member| *member == name),
            (None, all) => Some(0).filter(|_| all.len() == 1),
        };
        let Some(source) = source else { continue };
        // Of topics that share sessions the state of a partition is found by its number.
        let folder = if members.len() > 1 { format!("partition-{}", part.number) } else { part.folder.clone() };
        let place = format!("sources/{group}/{folder}");
        if over.contains(&place) {
            continue;
        }
        match inspect(&*state.store(&place)) {
            Ok(inspection) => {
                let places = inspection.kept.iter().filter_map(|kept| log_position::from_json(&kept.position).ok());
                let places = places.filter_map(|places| places.get(source).map(|place| place.of(0)));
                if let Some(oldest) = places.min() {
                    let facts = inspection.kept.first().map(|kept| match source {
                        0 => &kept.state["gaps"],
                        joined => &kept.state["joined"][joined - 1]["gaps"],
                    });
                    let gaps = facts.and_then(|gaps| serde_json::from_value(gaps.clone()).ok());
                    let deployment = group.split_once('@').map(|(_, number)| number.to_owned());
                    return Some(Oldest { place: oldest, gaps: gaps.unwrap_or_default(), deployment });
                }
            }
            Err(error) => findings.fault(
                &format!("the state of source {group}, {}: {error}", part.name),
                "see \"When something is wrong\" in docs/operations.md",
            ),
        }
    }
    findings.unknown(&format!("{}: there is no state yet", part.name));
    None
}

/// The first entry that the subscription has not acknowledged.
fn cursor(admin: &str, topic: &str, subscription: &str) -> Result<Option<Position>, String> {
    let path = topic.replacen("://", "/", 1);
    let url = format!("{}/admin/v2/{path}/internalStats", admin.trim_end_matches('/'));
    let mut answer = ureq::get(&url).call().map_err(|error| error.to_string())?;
    let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let stats: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let place = stats["cursors"][subscription]["markDeletePosition"].as_str();
    Ok(place.and_then(|place| {
        let (ledger, entry) = place.split_once(':')?;
        // What is acknowledged is the entry before.
        Some(Position::at(ledger.parse().ok()?, u64::try_from(entry.parse::<i64>().ok()? + 1).ok()?))
    }))
}
