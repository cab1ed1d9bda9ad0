//! Who may ask a processor, and what: the tokens that it knows.
//!
//! A file has a line for each, `reader NAME TOKEN` or `deployer NAME TOKEN`, or is one token alone, which may do
//! everything. It is read again whenever somebody asks, so one that is taken out of it is refused from then on. What
//! cannot be read, or is no list of tokens, is said once, and what was known before stays known: a slip of an editor
//! shuts nobody out.
//!
//! **Invariant:** a word is compared with every token by digests, to the end, so that how long it takes says nothing of
//! any of them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a file of tokens, and how many it may have.
const BYTES_MAX: usize = 1 << 20;
const TOKENS_MAX: usize = 1000;
/// What a token is called that has no name.
const ALONE: &str = "token";

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Ask.
    Reader,
    /// Deploy and drop queries too.
    Deployer,
}

impl Role {
    /// As it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Deployer => "deployer",
        }
    }
}

/// A secret that requests must bring as `Authorization: Bearer TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// The token in a text, blanks around it left out; `None` where nothing usable is there.
    ///
    /// It is one word of visible ASCII, as a header takes it.
    pub fn new(text: &str) -> Option<BearerToken> {
        let token = text.trim();
        let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        usable.then(|| BearerToken(token.to_owned()))
    }

    /// The value of the header that shows it.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn digest(&self) -> blake3::Hash {
        blake3::hash(self.0.as_bytes())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Somebody whose token is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// What the file calls them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    digest: blake3::Hash,
}

/// The tokens that are known. Copies are the same ones.
#[derive(Clone)]
pub struct TokenStore(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    read: Mutex<TokenFile>,
}

/// What a file said when it was looked at last.
struct TokenFile {
    bytes: Vec<u8>,
    list: List,
    /// What is wrong with it since.
    trouble: Option<String>,
}

#[derive(Clone, Debug)]
struct List {
    known: Vec<Who>,
    /// The token that is shown to other processors: the first one that may do everything, or the first.
    own: BearerToken,
}

impl TokenStore {
    /// One token, which may do everything.
    pub fn one(token: BearerToken) -> TokenStore {
        let known = vec![Who { name: ALONE.into(), role: Role::Deployer, digest: token.digest() }];
        TokenStore::of(None, vec![], List { known, own: token })
    }

    /// Those of a file.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn from_file(path: &Path) -> Result<TokenStore, String> {
        let bytes =
            std::fs::read(path).map_err(|error| format!("cannot read the tokens in {}: {error}", path.display()))?;
        let list = List::parse(&bytes).map_err(|wrong| format!("{}: {wrong}", path.display()))?;
        Ok(TokenStore::of(Some(path.to_owned()), bytes, list))
    }

    fn of(file: Option<PathBuf>, bytes: Vec<u8>, list: List) -> TokenStore {
        TokenStore(Arc::new(Inner { file, read: Mutex::new(TokenFile { bytes, list, trouble: None }) }))
    }

    /// Whose token a word is.
    pub fn who(&self, word: &[u8]) -> Option<Who> {
        let digest = blake3::hash(word);
        let read = self.look();
        // Equality of digests takes the same time whatever they are; and every one is compared.
        read.list.known.iter().fold(None, |found, who| if who.digest == digest { Some(who.clone()) } else { found })
    }

    /// Whether somebody who showed a token is still known, and may do what they could.
    pub fn knows(&self, who: &Who) -> bool {
        self.look().list.known.iter().fold(false, |found, known| found | (known == who))
    }

    /// What this processor shows to others of its state.
    pub fn own(&self) -> BearerToken {
        self.look().list.own.clone()
    }

    /// What the file says now.
    fn look(&self) -> MutexGuard<'_, TokenFile> {
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.0.file else { return read };
        let trouble = match std::fs::read(path) {
            Ok(bytes) if bytes == read.bytes => None,
            Ok(bytes) => match List::parse(&bytes) {
                Ok(list) => {
                    tracing::info!(target: "audit", file = %path.display(), tokens = list.known.len(), "tokens were read again");
                    *read = TokenFile { bytes, list, trouble: None };
                    return read;
                }
                Err(wrong) => Some(wrong),
            },
            Err(error) => Some(error.to_string()),
        };
        if let Some(wrong) = &trouble
            && read.trouble != trouble
        {
            tracing::warn!("{}: {wrong}; the tokens that were known before stay known", path.display());
        }
        read.trouble = trouble;
        read
    }
}

impl List {
    fn parse(bytes: &[u8]) -> Result<List, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("more than {BYTES_MAX} bytes of tokens"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())?;
        let mut known: Vec<(Who, BearerToken)> = vec![];
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (role, name, token) = match words[..] {
                [] => continue,
                [first, ..] if first.starts_with('#') => continue,
                [token] => (Role::Deployer, ALONE, token),
                [role, name, token] => {
                    let all = [Role::Reader, Role::Deployer];
                    let role = all.into_iter().find(|known| known.name() == role).ok_or_else(|| {
                        format!("line {number}: there is no role `{role}`: a line is `reader NAME TOKEN` or `deployer NAME TOKEN`")
                    })?;
                    (role, name, token)
                }
                // The words may be a secret, so they are not shown.
                _ => {
                    return Err(format!(
                        "line {number}: a line is `reader NAME TOKEN`, `deployer NAME TOKEN`, or a token, which is one word"
                    ));
                }
            };
            let token = BearerToken::new(token)
                .ok_or_else(|| format!("line {number}: a token is one word of letters, digits and signs of ASCII"))?;
            let who = Who { name: name.to_owned(), role, digest: token.digest() };
            known.push((who, token));
        }
        let names: BTreeSet<&str> = known.iter().map(|(who, _)| who.name.as_str()).collect();
        if names.len() < known.len() {
            return Err("two lines have one name: each needs its own, so that the log can say who it was".into());
        }
        let words: BTreeSet<String> = known.iter().map(|(_, token)| token.header()).collect();
        if words.len() < known.len() {
            return Err("two lines have one token".into());
        }
        if known.len() > TOKENS_MAX {
            return Err(format!("more than {TOKENS_MAX} tokens"));
        }
        let own = known.iter().find(|(who, _)| who.role == Role::Deployer).or(known.first());
        let own = own
            .map(|(_, token)| token.clone())
            .ok_or("a token is one word of letters, digits and signs, and there is none")?;
        Ok(List { own, known: known.into_iter().map(|(who, _)| who).collect() })
    }
}

impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.file).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{BearerToken, Role, TokenStore};

    fn told(tokens: &TokenStore, word: &str) -> Option<(String, Role)> {
        tokens.who(word.as_bytes()).map(|who| (who.name, who.role))
    }

    #[test]
    fn a_file_says_who_may_do_what_and_is_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("tokens");
        let write = |text: &str| std::fs::write(&path, text).expect("a file");
        write("# who may ask\nreader grafana look\n\ndeployer ci  change\n");
        let tokens = TokenStore::from_file(&path).expect("tokens");
        assert_eq!(told(&tokens, "look"), Some(("grafana".into(), Role::Reader)));
        assert_eq!(told(&tokens, "change"), Some(("ci".into(), Role::Deployer)));
        for wrong in ["loo", "looks", "Look", "", "reader", "grafana"] {
            assert_eq!(told(&tokens, wrong), None, "{wrong}");
        }
        assert_eq!(tokens.own(), BearerToken::new("change").expect("a token"));
        let grafana = tokens.who(b"look").expect("known");
        assert!(tokens.knows(&grafana));
        // One is taken out, and another one comes.
        write("deployer ci change\nreader metabase see\n");
        assert_eq!((told(&tokens, "look"), told(&tokens, "see").is_some()), (None, true));
        assert!(!tokens.knows(&grafana));
        // What is no list shuts nobody out.
        for broken in ["", "reader x", "writer x y", "reader a x\nreader a y", "reader a x\nreader b x"] {
            write(broken);
            assert!(told(&tokens, "change").is_some(), "{broken}");
            assert!(TokenStore::from_file(&path).is_err(), "{broken}");
        }
        std::fs::remove_file(&path).expect("it is there");
        assert!(told(&tokens, "change").is_some());
        // A role that was taken away is gone with the next look, from who showed the token before as well.
        let ci = tokens.who(b"change").expect("known");
        write("reader ci change\n");
        assert!(!tokens.knows(&ci));
        assert_eq!(told(&tokens, "change"), Some(("ci".into(), Role::Reader)));
    }

    #[test]
    fn a_token_alone_may_do_everything() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("token");
        std::fs::write(&path, "open-sesame\n").expect("a file");
        for tokens in [
            TokenStore::from_file(&path).expect("a token"),
            TokenStore::one(BearerToken::new("open-sesame").expect("one")),
        ] {
            assert_eq!(told(&tokens, "open-sesame"), Some(("token".into(), Role::Deployer)));
            assert_eq!(told(&tokens, "open"), None);
        }
    }

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        let token = BearerToken::new(" s3cret\n").expect("a token");
        assert_eq!(token.header(), "Bearer s3cret");
        assert!(BearerToken::new(" \n").is_none() && BearerToken::new("two words").is_none());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
