//! One line of JSON, by the well-kept library: the judge of what a line means, and the way for every unusual line.
//!
//! * Members that nobody reads are checked and skipped; no tree is built.
//! * Of members of one name the last one counts. What an earlier one had given, also within an object, is forgotten.
//! * A field within objects is missing where one of them is missing, null or no object; one within lists also where no
//!   element is selected. Of elements that are selected by a member the first one counts.

use super::cell::{Arena, CapturedCell, CapturedKind};
use super::fields::{MemberTree, Selector};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Captures the fields of the record at `at..at + line.len()` of the block; the cells are of no use after an error.
pub(crate) fn capture(
    line: &str,
    at: usize,
    members: &MemberTree,
    arena: &mut Arena<'_>,
    cells: &mut [CapturedCell],
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    Object { members, line: line.as_ptr() as usize - at, arena, cells }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// An object whose members lead to fields.
struct Object<'a, 'b> {
    members: &'a MemberTree,
    /// The address that the block's first byte would have, so that a text's place is its address less this.
    line: usize,
    arena: &'a mut Arena<'b>,
    cells: &'a mut [CapturedCell],
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key_seed(MemberName(self.members))? {
            match member {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(member) => {
                    let raw: &'de RawValue = map.next_value()?;
                    self.member(member, raw.get());
                }
            }
        }
        Ok(())
    }
}

impl Object<'_, '_> {
    fn member(&mut self, member: &MemberTree, raw: &str) {
        member.each_field(&mut |field| self.cells[field] = CapturedCell::default());
        self.value(member, raw);
    }

    fn value(&mut self, member: &MemberTree, raw: &str) {
        if let Some(field) = member.field {
            self.cells[field] = self.cell(raw);
        }
        if raw.starts_with('[') && !member.lists.is_empty() {
            self.list(member, raw);
        }
        if raw.starts_with('{') && !member.within.is_empty() {
            let within = Object { members: member, line: self.line, arena: self.arena, cells: self.cells };
            // The only thing that can be wrong in text that was checked is a member name with half a surrogate pair.
            let read = within.deserialize(&mut serde_json::Deserializer::from_str(raw));
            if read.is_err() {
                member.within.iter().for_each(|(_, inner)| {
                    inner.each_field(&mut |field| self.cells[field] = CapturedCell::of(CapturedKind::BadText))
                });
            }
        }
    }

    /// Looks at the elements of a list that are selected.
    fn list(&mut self, member: &MemberTree, raw: &str) {
        // It was checked to be JSON, so it is a list of values.
        let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(raw) else { return };
        for (selector, inner) in &member.lists {
            let element = match selector {
                Selector::At(at) => elements.get(*at),
                Selector::Where { member, is } => elements.iter().find(|element| has(element.get(), member, is)),
            };
            if let Some(element) = element {
                self.value(inner, element.get());
            }
        }
    }

    /// Looks at a value that was checked to be JSON.
    fn cell(&mut self, raw: &str) -> CapturedCell {
        let at = raw.as_ptr() as usize - self.line;
        let range = at..at + raw.len();
        match raw.as_bytes()[0] {
            b'"' if !raw.contains('\\') => CapturedCell::new(CapturedKind::Text, range.start + 1..range.end - 1),
            b'"' => match serde_json::from_str::<String>(raw) {
                Ok(text) => CapturedCell::new(CapturedKind::Text, self.arena.push(text.as_bytes())),
                Err(_) => CapturedCell::new(CapturedKind::BadText, range),
            },
            b'{' | b'[' => CapturedCell::new(CapturedKind::Composite, range),
            b't' => CapturedCell::new(CapturedKind::True, range),
            b'f' => CapturedCell::new(CapturedKind::False, range),
            b'n' => CapturedCell::of(CapturedKind::Null),
            _ => CapturedCell::new(CapturedKind::Number, range),
        }
    }
}

/// Whether a value is an object whose member has that value, as text; of members of one name the last one counts.
fn has(raw: &str, member: &str, is: &str) -> bool {
    struct WantedMember<'a>(&'a str);
    impl<'de> Visitor<'de> for WantedMember<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                let value: &'de RawValue = map.next_value()?;
                if name == self.0 {
                    found = Some(value);
                }
            }
            Ok(found)
        }
    }
    if !raw.starts_with('{') {
        return false;
    }
    let found = serde_json::Deserializer::from_str(raw).deserialize_map(WantedMember(member));
    match found.ok().flatten().map(RawValue::get) {
        None => false,
        Some(text) if text.starts_with('"') => serde_json::from_str::<String>(text).is_ok_and(|text| text == is),
        Some(text) => text == is,
    }
}

/// A member's name, looked up without being copied.
struct MemberName<'a>(&'a MemberTree);

impl<'de, 'a> DeserializeSeed<'de> for MemberName<'a> {
    type Value = Option<&'a MemberTree>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for MemberName<'a> {
    type Value = Option<&'a MemberTree>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.within.iter().find(|(known, _)| known == name).map(|(_, member)| member))
    }
}
