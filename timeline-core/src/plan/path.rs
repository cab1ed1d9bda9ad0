//! Where a value stands in a record.
//!
//! A path is kept as people write it, member by member; what selects in lists stays with its member (`items[0]`) and is
//! taken apart by [`FieldPath::steps`], so that a path without any costs nothing more than before.

/// Where a value stands in a record: the member names from the outside in (JSON), joined by `.` as a column name (CSV, Parquet).
///
/// A member may select in lists: `items[0]` is the first element, `params[key=page]` the first element whose member `key`
/// is that text, number or truth value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<String>);

/// One step into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The member of an object.
    Member(&'a str),
    /// The element of a list with that number, from 0.
    At(usize),
    /// The first element of a list whose member has that value.
    Where {
        /// The member's name.
        member: &'a str,
        /// Its value, as text.
        is: &'a str,
    },
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPath {
    /// What is wrong, from the place of it.
    pub reason: String,
}

/// The largest number of an element that a path may name.
const AT_MAX: usize = 999_999;

impl FieldPath {
    /// A top-level field.
    pub fn name(name: &str) -> Self {
        FieldPath(vec![name.to_owned()])
    }

    /// Reads `a.b`, `items[0].price` or `params[key=page].value`.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let (mut members, mut member, mut open) = (vec![], String::new(), false);
        for c in text.chars() {
            match c {
                '.' if !open => members.push(std::mem::take(&mut member)),
                _ => {
                    open = match c {
                        '[' => true,
                        ']' => false,
                        _ => open,
                    };
                    member.push(c);
                }
            }
        }
        members.push(member);
        let path = FieldPath(members);
        path.steps().map(|_| path.clone())
    }

    /// The members joined by dots, as people write it.
    pub fn dotted(&self) -> String {
        self.0.join(".")
    }

    /// The name of the top-level member that it begins with.
    pub fn root(&self) -> &str {
        let first = self.0.first().map_or("", String::as_str);
        first.split('[').next().unwrap_or(first)
    }

    /// Whether it selects in lists.
    pub fn selects(&self) -> bool {
        self.0.iter().any(|member| member.contains('['))
    }

    /// The steps from the record inwards.
    pub fn steps(&self) -> Result<Vec<Step<'_>>, BadPath> {
        let mut steps = vec![];
        for member in &self.0 {
            let (name, mut rest) = member.split_at(member.find('[').unwrap_or(member.len()));
            if !rest.is_empty() && name.is_empty() {
                return Err(bad(format!("`{member}` selects in a list that has no name")));
            }
            steps.push(Step::Member(name));
            while !rest.is_empty() {
                let inner = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let Some((inner, behind)) = inner else {
                    return Err(bad(format!("`{rest}` is no selector, or one that is not closed")));
                };
                steps.push(selector(inner)?);
                rest = behind;
            }
        }
        Ok(steps)
    }
}

fn selector(text: &str) -> Result<Step<'_>, BadPath> {
    if let Some((member, is)) = text.split_once('=') {
        let (member, is) = (member.trim(), is.trim());
        if member.is_empty() || is.is_empty() {
            return Err(bad(format!("`[{text}]` lacks a member or its value")));
        }
        return Ok(Step::Where { member, is });
    }
    match text.parse() {
        Ok(at) if at <= AT_MAX && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Step::At(at)),
        _ => Err(bad(format!("`[{text}]` is neither the number of an element nor `[member=value]`"))),
    }
}

fn bad(reason: String) -> BadPath {
    BadPath { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_select_in_lists() {
        use Step::{At, Member, Where};
        let where_key = |is| Where { member: "key", is };
        for (text, want) in [
            ("a", vec![Member("a")]),
            ("a.b", vec![Member("a"), Member("b")]),
            ("items[0].price", vec![Member("items"), At(0), Member("price")]),
            ("m[1][2]", vec![Member("m"), At(1), At(2)]),
            ("p[key=a.b].value.int", vec![Member("p"), where_key("a.b"), Member("value"), Member("int")]),
            ("p[ key = x y ]", vec![Member("p"), where_key("x y")]),
        ] {
            let path = FieldPath::parse(text).unwrap();
            assert_eq!(path.steps().unwrap(), want, "{text}");
            assert_eq!((path.dotted(), path.selects()), (text.to_owned(), text.contains('[')));
        }
        for text in ["[0]", "a[", "a[0", "a[0]x", "a[]", "a[-1]", "a[x]", "a[=x]", "a[k=]", "a[1000000]", "a[0]]"] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
    }
}
