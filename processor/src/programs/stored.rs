//! The bytes of the programs: a JSON object; and the array that it was before deployments had places of their own.

use super::{DeployedPrograms, DeployedText, Deployment, DeploymentStart, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use timeline_dsl::outline;

/// The format that is written. A program that knows only the array refuses it.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDeployments {
    format: u32,
    deployments: Vec<Deployment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    declared: Vec<DeployedText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sealed: Vec<Sealed>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    given_up: BTreeSet<u64>,
}

/// A program of the array.
#[derive(Deserialize)]
struct Old {
    name: String,
    text: String,
    without: BTreeSet<String>,
    #[serde(default)]
    since: u32,
}

pub(super) fn encode(programs: &DeployedPrograms) -> Vec<u8> {
    let DeployedPrograms { deployments, declared, sealed, given_up, version: _ } = programs.clone();
    let stored = StoredDeployments { format: FORMAT, deployments, declared, sealed, given_up };
    serde_json::to_vec(&stored).expect("programs are plain text")
}

pub(super) fn decode(version: u64, bytes: &[u8]) -> Result<DeployedPrograms, String> {
    if bytes.first() == Some(&b'[') {
        let old: Vec<Old> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        return Ok(DeployedPrograms { deployments: of_array(&old), version, ..DeployedPrograms::default() });
    }
    let StoredDeployments { format, deployments, declared, sealed, given_up } =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if format != FORMAT {
        return Err(format!("format {format}, and this version knows {FORMAT}"));
    }
    Ok(DeployedPrograms { deployments, declared, sealed, given_up, version })
}

/// Programs of one moment were compiled together, with those before them where one declares no source; so they still are.
fn of_array(old: &[Old]) -> Vec<Deployment> {
    let moments: BTreeSet<u32> = old.iter().map(|program| program.since).collect();
    let one = moments.len() == 1;
    let outputs = |program: &Old| -> BTreeSet<String> {
        let all = super::outputs_of(&program.text);
        all.into_iter().filter(|name| !program.without.contains(name)).collect()
    };
    let of_moment = |since: u32| {
        let of = |program: &Old| program.since == since;
        let last = old.iter().rposition(|program| of(program) && outline(&program.text).sources.is_empty());
        let chosen = (0..).zip(old).filter(|(at, program)| one || of(program) || last.is_some_and(|last| *at < last));
        let programs = chosen.map(|(_, program)| {
            let mut without = program.without.clone();
            without.extend(if of(program) { BTreeSet::new() } else { outputs(program) });
            DeployedText { name: program.name.clone(), text: program.text.clone(), without, ..DeployedText::default() }
        });
        let names = old.iter().filter(|program| of(program)).flat_map(outputs);
        Deployment {
            number: since,
            begins: if since == 0 { DeploymentStart::Start } else { DeploymentStart::Now },
            programs: programs.collect(),
            versions: names.map(|name| (name, 1)).collect::<BTreeMap<_, _>>(),
            ..Deployment::default()
        }
    };
    moments.into_iter().map(of_moment).collect()
}
