//! Tables that say more of what is to come, and of all that was asked of them the same.
//!
//! A tariff gets next year's prices, and nothing that was read so far changes by that. So such a table takes the place of the
//! deployed one under its identity ([`LookupTable::known_as`](timeline_core::plan::LookupTable::known_as)), which its text has from then
//! on: what asks it means what it has meant, and goes on from its state. A table that says something else of an instant that
//! may have been asked is another one, and what asks it another definition.
//!
//! **Invariant:** a table is carried only if all that ask one of its identity get it. Each checkpoint says which rows were
//! asked, so one that was made with the former ones beyond the first difference is never gone on from.

use super::{DeployedPrograms, DeployedText, Deployment, outputs_of, plans_of};
use crate::engine::EngineError;
use crate::operators::{ColumnIdentity, known_as};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::{Fingerprint, Plan, TableColumn};

/// The last instant of which anything of a plan may have been asked; nothing where that is not known.
pub(crate) type AskedUpTo<'a> = &'a dyn Fn(&Plan) -> Option<Time>;

/// How many former contents of a column are remembered. Checkpoints of all others are long gone.
const BEFORE_MAX: usize = 8;

impl DeployedPrograms {
    /// These programs with tables of some texts in the place of the deployed ones that they carry on, and the texts as they
    /// are then.
    pub(crate) fn carrying(
        &self,
        texts: &[(String, String)],
        asked: AskedUpTo<'_>,
    ) -> Result<(DeployedPrograms, Vec<(String, String)>), EngineError> {
        let mut all = self.clone();
        let mut texts_after = texts.to_vec();
        let (mut given, mut carried) = (BTreeSet::new(), BTreeSet::new());
        for deployment in all.deployments.iter_mut().filter(|deployment| !deployment.is_over()) {
            let Some((after, identities, places)) = carry(deployment, texts, asked)? else { continue };
            for (program, text) in places {
                texts_after[text].1.clone_from(&after.programs[program].text);
            }
            given.extend(identities);
            carried.insert(deployment.number);
            *deployment = after;
        }
        let stays = |deployment: &&Deployment| !deployment.is_over() && !carried.contains(&deployment.number);
        for deployment in all.deployments.iter().filter(stays) {
            let plans = deployment.plans()?;
            if plans.iter().flat_map(|plan| plan.tables()).any(|column| given.contains(&column.digest())) {
                return Ok((self.clone(), texts.to_vec()));
            }
        }
        Ok((all, texts_after))
    }

    /// The deployments whose plans ask tables that say something else than they did before.
    pub(crate) fn renewed(&self, before: &DeployedPrograms) -> Result<BTreeSet<u32>, EngineError> {
        let (now, before) = (self.plans()?, before.plans()?);
        let is_renewed = |plan: &Plan| before.iter().any(|(_, old)| **old == *plan && !is_as_it_was(plan, old));
        Ok(now.iter().filter(|(_, plan)| is_renewed(plan)).map(|(deployment, _)| deployment.number).collect())
    }
}

/// Whether two plans mean the same and ask the same of tables, of what is to come too.
pub(crate) fn is_as_it_was(plan: &Plan, before: &Plan) -> bool {
    let contents = |plan: &Plan| plan.tables().into_iter().map(TableColumn::content).collect::<Vec<_>>();
    plan == before && contents(plan) == contents(before)
}

/// A deployment that carries on, the identities that its tables have, and which of its programs are which of the texts.
type Carried = (Deployment, BTreeSet<Fingerprint>, Vec<(usize, usize)>);

/// The deployment with tables of some texts, if they say the same of all that it has asked and nothing else is new.
fn carry(
    deployment: &Deployment,
    texts: &[(String, String)],
    asked: AskedUpTo<'_>,
) -> Result<Option<Carried>, EngineError> {
    let mut after = deployment.clone();
    let mut places = vec![];
    for (place, (name, text)) in texts.iter().enumerate() {
        let outputs = outputs_of(text);
        let is_like = |known: &DeployedText| !outputs.is_empty() && outputs_of(&known.text) == outputs;
        let is_former = |known: &DeployedText| known.name == *name || is_like(known);
        let Some(at) = after.programs.iter().position(is_former) else { continue };
        after.programs[at].text.clone_from(text);
        places.push((at, place));
    }
    if after == *deployment {
        return Ok(None);
    }
    // A text that does not go together with what is deployed is refused later, with its place.
    let (before, Ok(plans)) = (deployment.plans()?, plans_of(&after.programs)) else { return Ok(None) };
    let Some(identities) = identities(&before, &plans, asked) else { return Ok(None) };
    for (at, _) in &places {
        let text = &mut after.programs[*at].text;
        *text = known_as(text, &identities);
    }
    let encoded = |plans: &[Arc<Plan>]| plans.iter().map(|plan| plan.encoding()).collect::<Vec<_>>();
    let is_same = after.plans().is_ok_and(|plans| encoded(&plans) == encoded(&before));
    let known = identities.values().flatten().map(|column| column.known).collect();
    Ok(is_same.then_some((after, known, places)))
}

/// What the columns of tables are known as, by the names of the tables, if any of them is not what it was and all of them say
/// the same of all that was asked.
fn identities(
    before: &[Arc<Plan>],
    after: &[Arc<Plan>],
    asked: AskedUpTo<'_>,
) -> Option<BTreeMap<String, Vec<ColumnIdentity>>> {
    let mut found: BTreeMap<(String, String), ColumnIdentity> = BTreeMap::new();
    let mut contents: BTreeMap<(String, String), Fingerprint> = BTreeMap::new();
    for column in after.iter().flat_map(|plan| plan.tables()) {
        let name = named(column);
        match contents.insert(name.clone(), column.content()) {
            None => {}
            Some(content) if content == column.content() => continue,
            // Tables of one name are known by it, so they are one.
            Some(_) => return None,
        }
        let asks = |plan: &&Arc<Plan>| plan.tables().iter().any(|known| named(known) == name);
        let mut known = before.iter().flat_map(|plan| plan.tables()).filter(|known| named(known) == name);
        let former = known.next()?;
        if former.table.turns() != column.table.turns() || !column.is_like(former) {
            return None;
        }
        let at = column.difference(former).map_or(Time::MAX, |difference| difference.at);
        for plan in before.iter().filter(asks).filter(|_| at < Time::MAX) {
            if asked(plan)? >= at {
                return None;
            }
        }
        let mut contents: Vec<(Fingerprint, Time)> =
            former.before().iter().map(|(content, until)| (*content, at.min(*until))).collect();
        contents.push((former.content(), at));
        contents.retain(|(content, _)| *content != column.content());
        let first = contents.len().saturating_sub(BEFORE_MAX);
        let before = contents.split_off(first);
        found.insert(name.clone(), ColumnIdentity { column: name.1.clone(), known: former.digest(), before });
    }
    let is_new = |column: &TableColumn| found[&named(column)].known != column.digest();
    if !after.iter().flat_map(|plan| plan.tables()).any(is_new) {
        return None;
    }
    let mut all: BTreeMap<String, Vec<ColumnIdentity>> = BTreeMap::new();
    for ((table, _), identity) in found {
        all.entry(table).or_default().push(identity);
    }
    Some(all)
}

/// The names of a table and a column.
fn named(column: &TableColumn) -> (String, String) {
    (column.table.shape().name.clone(), column.name().to_owned())
}
