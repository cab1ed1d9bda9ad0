//! The rules of time zones by which a state was calculated.
//!
//! Rules come with the binary, and those of a zone change when a state decides so. A checkpoint notes what they were up to its
//! watermark, as a digest for each zone that the plan asks. Where a newer binary has others for that time, what the state
//! holds was calculated by the old ones; it is kept, for windows that are told are never taken back, and that is said: what
//! ends next ends as the old rules had it, and the new ones hold from there on.

use crate::code::StateCode;
use serde::{Deserialize, Serialize};
use timeline_core::{Plan, Time, instant_text, zone_digest};

/// The rules of one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ZoneRules {
    /// Its name in the database.
    zone: String,
    /// Up to when.
    until: Time,
    digest: String,
}

/// Those of all zones that a plan asks, up to an instant; none before anything has happened.
pub(super) fn of(plan: &Plan, until: Option<Time>) -> Vec<ZoneRules> {
    let Some(until) = until else { return vec![] };
    let rules = |zone: &str| ZoneRules { zone: zone.to_owned(), until, digest: digest(zone, until) };
    plan.zones().into_iter().map(rules).collect()
}

fn digest(zone: &str, until: Time) -> String {
    zone_digest(zone, until).to_string()
}

/// What is to be said of zones whose rules were others.
pub(super) fn changed(known: &[ZoneRules]) -> Vec<String> {
    let others = known.iter().filter(|rules| digest(&rules.zone, rules.until) != rules.digest);
    let code = StateCode::Zones;
    let say = |rules: &ZoneRules| {
        format!(
            "[{code}] the rules of {} up to {} are others in this version than those by which the state was calculated\n  help: {}",
            rules.zone,
            instant_text(rules.until),
            code.help()
        )
    };
    others.map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::{changed, of};
    use timeline_core::SECOND;
    use timeline_dsl::{ProgramText, compile};

    #[test]
    fn rules_that_are_others_are_said_and_no_others() {
        let text = "source s { key k  time t in s  b: bool }\n\
                    metric a = duration_where(latest(b)) every 1d in \"Europe/Berlin\"\n\
                    metric c = duration_where(latest(b) && during(\"09:00-17:00\", in \"America/New_York\")) every 1d\n\
                    metric d = duration_where(latest(b) && during(\"09:00-12:00\", in \"Europe/Berlin\"))";
        let mut compilation = compile(&[ProgramText { name: "p".into(), text: text.into(), ..ProgramText::default() }]);
        let plan = compilation.plans.remove(0);
        assert!(of(&plan, None).is_empty());
        let mut rules = of(&plan, Some(1_700_000_000 * SECOND));
        let zones: Vec<&str> = rules.iter().map(|rules| rules.zone.as_str()).collect();
        assert_eq!(zones, ["Europe/Berlin", "America/New_York"]);
        assert_eq!(changed(&rules), Vec::<String>::new());
        // As if the clock of Berlin had been that of Vienna.
        rules[0].digest = super::digest("Europe/Vienna", rules[0].until);
        let said = changed(&rules);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("Europe/Berlin up to 2023-11-14T22:13:20Z"), "{said:?}");
    }
}
