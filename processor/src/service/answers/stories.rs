//! One session as several deployments tell it.

use serde_json::{Value as Json, json};

/// Adds a session to those that are told; where another deployment tells the same one, only what that does not tell of it.
pub(in crate::service) fn add_story(all: &mut Vec<Json>, mut session: Json) {
    let whose = |session: &Json| {
        let source = session["source"].as_str().unwrap_or_default();
        let source = source.split_once('@').map_or(source, |(source, _)| source).to_owned();
        let of = ["partition", "start_ns", "end_ns", "partial"].map(|name| session[name].clone());
        (source, of)
    };
    let same = whose(&session);
    let source = session["source"].as_str().unwrap_or_default().to_owned();
    let Some(known) = all.iter_mut().find(|known| whose(known) == same) else {
        all.push(session);
        return;
    };
    let Json::Array(rows) = session["rows"].take() else { return };
    let Some(told) = known["rows"].as_array_mut() else { return };
    for mut row in rows {
        let known = told.iter().find(|told| told["label"] == row["label"]);
        match known.map(|known| known["fingerprint"] == row["fingerprint"]) {
            Some(true) => {}
            // Programs may give one name to different timelines.
            Some(false) => {
                let label = row["label"].as_str().unwrap_or_default();
                row["label"] = json!(format!("{label} ({source})"));
                told.push(row);
            }
            None => told.push(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::add_story;
    use serde_json::json;

    #[test]
    fn what_two_deployments_tell_of_a_session_is_told_of_one() {
        let session = |source: &str, start: i64, labels: &[&str]| {
            let rows: Vec<_> = labels.iter().map(|label| json!({"label": label})).collect();
            json!({"source": source, "partition": 0, "start_ns": start, "end_ns": null, "partial": false, "rows": rows})
        };
        let mut all = vec![];
        add_story(&mut all, session("s", 1, &["a", "b"]));
        add_story(&mut all, session("s@3", 1, &["b", "c"]));
        add_story(&mut all, session("s@3", 2, &["c"]));
        let mut other = session("s@4", 1, &["a"]);
        other["rows"][0]["fingerprint"] = json!("another");
        assert_eq!(all, [session("s", 1, &["a", "b", "c"]), session("s@3", 2, &["c"])]);
        // One name of two timelines.
        add_story(&mut all, other);
        assert_eq!(all[0]["rows"][3]["label"], "a (s@4)", "{all:?}");
    }
}
