//! RDF Dataset Canonicalization (W3C RDFC-1.0): one text for one RDF dataset, whatever its blank nodes were called.
//!
//! Written here because the hash must be a choice (`ecdsa-rdfc-2019` with P-384 canonicalises with SHA-384, VC-DI-ECDSA
//! 1.0 section 3.2) and because the work on a stranger's dataset must have an end: blank nodes that look alike are told
//! apart by trying their orders, which a hostile dataset makes exponential (RDFC-1.0 section 7.1).

use std::collections::BTreeMap;

use warifu_keys::HashAlgorithm;

/// How many orders of blank nodes are tried before a dataset counts as hostile.
const MAX_ORDERS: usize = 20_000;
/// How many look-alike blank nodes may hang on each other.
const MAX_DEPTH: usize = 48;

/// A node or value of an RDF dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// An IRI.
    Iri(String),
    /// A blank node, by the name that the dataset happens to give it.
    Blank(String),
    /// A literal.
    Literal {
        /// Lexical form.
        value: String,
        /// Datatype IRI.
        datatype: String,
        /// Language tag, for language-tagged strings.
        language: Option<String>,
    },
}

/// A statement, in the default graph or in a named one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quad {
    /// Subject.
    pub subject: Term,
    /// Predicate, an IRI.
    pub predicate: String,
    /// Object.
    pub object: Term,
    /// Graph name; `None` is the default graph.
    pub graph: Option<Term>,
}

/// The dataset can not be canonicalised within the limits (RDFC-1.0 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the dataset has too many blank nodes that look alike")]
pub struct Poisoned;

/// The dataset in canonical N-Quads, sorted and with blank nodes named `_:c14n0` and on (RDFC-1.0 section 4.4).
pub fn canonical(quads: &[Quad], hash: HashAlgorithm) -> Result<String, Poisoned> {
    let mut state = State { quads_of: BTreeMap::new(), canonical: Issuer::new("c14n"), hash, orders: 0 };
    for quad in quads {
        for (name, _) in quad.blanks() {
            let own = state.quads_of.entry(name).or_default();
            // A node that stands twice in one statement has that statement once.
            if own.last().is_none_or(|last| !std::ptr::eq(*last, quad)) {
                own.push(quad);
            }
        }
    }
    let mut by_hash: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in state.quads_of.keys() {
        by_hash.entry(state.first_degree(name)).or_default().push(name);
    }
    by_hash.retain(|_, names| match names.as_slice() {
        [only] => {
            state.canonical.issue(only);
            false
        }
        _ => true,
    });
    for names in by_hash.values() {
        let mut paths = Vec::new();
        for name in names {
            if state.canonical.issued(name).is_some() {
                continue;
            }
            let mut issuer = Issuer::new("b");
            issuer.issue(name);
            paths.push(state.n_degree(name, issuer, 0)?);
        }
        paths.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, issuer) in paths {
            for name in issuer.order {
                state.canonical.issue(name);
            }
        }
    }
    let name = |name: &str| state.canonical.issued(name).unwrap_or_default();
    let mut lines: Vec<String> = quads.iter().map(|quad| quad.to_line(&name)).collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.concat())
}

struct State<'a> {
    quads_of: BTreeMap<&'a str, Vec<&'a Quad>>,
    canonical: Issuer<'a>,
    hash: HashAlgorithm,
    orders: usize,
}

/// Names given to blank nodes, in the order in which they were given (RDFC-1.0 section 4.5).
#[derive(Clone)]
struct Issuer<'a> {
    prefix: &'static str,
    names: BTreeMap<&'a str, usize>,
    order: Vec<&'a str>,
}

impl<'a> Issuer<'a> {
    fn new(prefix: &'static str) -> Self {
        Self { prefix, names: BTreeMap::new(), order: Vec::new() }
    }

    fn issued(&self, name: &str) -> Option<String> {
        self.names.get(name).map(|number| format!("_:{}{number}", self.prefix))
    }

    fn issue(&mut self, name: &'a str) -> String {
        let next = self.order.len();
        let number = *self.names.entry(name).or_insert(next);
        if number == next {
            self.order.push(name);
        }
        format!("_:{}{number}", self.prefix)
    }
}

impl<'a> State<'a> {
    fn digest(&self, text: &str) -> String {
        use std::fmt::Write as _;
        self.hash.digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Hash First Degree Quads (RDFC-1.0 section 4.6).
    fn first_degree(&self, node: &str) -> String {
        let name = |name: &str| if name == node { "_:a".to_owned() } else { "_:z".to_owned() };
        let mut lines: Vec<String> =
            self.quads_of.get(node).into_iter().flatten().map(|quad| quad.to_line(&name)).collect();
        lines.sort_unstable();
        self.digest(&lines.concat())
    }

    /// Hash Related Blank Node (RDFC-1.0 section 4.7).
    fn related(&self, related: &str, quad: &Quad, issuer: &Issuer<'_>, position: Position) -> String {
        let mut input = String::from(position.letter());
        if position != Position::Graph {
            input.push('<');
            input.push_str(&quad.predicate);
            input.push('>');
        }
        let known = self.canonical.issued(related).or_else(|| issuer.issued(related));
        input.push_str(&known.unwrap_or_else(|| self.first_degree(related)));
        self.digest(&input)
    }

    /// Hash N-Degree Quads (RDFC-1.0 section 4.8).
    fn n_degree(&mut self, node: &str, mut issuer: Issuer<'a>, depth: usize) -> Result<(String, Issuer<'a>), Poisoned> {
        if depth > MAX_DEPTH {
            return Err(Poisoned);
        }
        let mut neighbours: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
        for quad in self.quads_of.get(node).into_iter().flatten() {
            for (name, position) in quad.blanks() {
                if name != node {
                    neighbours.entry(self.related(name, quad, &issuer, position)).or_default().push(name);
                }
            }
        }
        let mut data = String::new();
        for (hash, mut names) in neighbours {
            data.push_str(&hash);
            let mut chosen: Option<(String, Issuer<'a>)> = None;
            names.sort_unstable();
            loop {
                self.orders += 1;
                if self.orders > MAX_ORDERS {
                    return Err(Poisoned);
                }
                let best = chosen.as_ref().map(|(path, _)| path.as_str());
                if let Some((path, after)) = self.path(&names, issuer.clone(), best, depth)? {
                    chosen = Some((path, after));
                }
                if !next_order(&mut names) {
                    break;
                }
            }
            if let Some((path, after)) = chosen {
                data.push_str(&path);
                issuer = after;
            }
        }
        Ok((self.digest(&data), issuer))
    }

    /// The path of one order of look-alike neighbours; `None` once it is known to be no better than `best`.
    fn path(
        &mut self,
        names: &[&'a str],
        mut issuer: Issuer<'a>,
        best: Option<&str>,
        depth: usize,
    ) -> Result<Option<(String, Issuer<'a>)>, Poisoned> {
        let worse = |path: &str| best.is_some_and(|best| path.len() >= best.len() && path > best);
        let mut path = String::new();
        let mut open = Vec::new();
        for name in names {
            if let Some(known) = self.canonical.issued(name) {
                path.push_str(&known);
            } else {
                if issuer.issued(name).is_none() {
                    open.push(*name);
                }
                path.push_str(&issuer.issue(name));
            }
            if worse(&path) {
                return Ok(None);
            }
        }
        for name in open {
            let (hash, after) = self.n_degree(name, issuer.clone(), depth + 1)?;
            path.push_str(&issuer.issue(name));
            path.push('<');
            path.push_str(&hash);
            path.push('>');
            issuer = after;
            if worse(&path) {
                return Ok(None);
            }
        }
        Ok(best.is_none_or(|best| path.as_str() < best).then_some((path, issuer)))
    }
}

/// Rearranges `names` into their next order; false after the last one.
fn next_order(names: &mut [&str]) -> bool {
    let Some(pivot) = names.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let Some(successor) = names.iter().rposition(|name| *name > names[pivot]) else { return false };
    names.swap(pivot, successor);
    names[pivot + 1..].reverse();
    true
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Subject,
    Object,
    Graph,
}

impl Position {
    fn letter(self) -> char {
        match self {
            Self::Subject => 's',
            Self::Object => 'o',
            Self::Graph => 'g',
        }
    }
}

impl Quad {
    fn blanks(&self) -> impl Iterator<Item = (&str, Position)> {
        let terms = [
            (Some(&self.subject), Position::Subject),
            (Some(&self.object), Position::Object),
            (self.graph.as_ref(), Position::Graph),
        ];
        terms.into_iter().filter_map(|(term, position)| match term {
            Some(Term::Blank(name)) => Some((name.as_str(), position)),
            Some(Term::Iri(_) | Term::Literal { .. }) | None => None,
        })
    }

    /// A line of canonical N-Quads (RDFC-1.0 section 5), with blank nodes named by `name`.
    fn to_line(&self, name: &dyn Fn(&str) -> String) -> String {
        let mut line = String::new();
        self.subject.write(&mut line, name);
        line.push_str(" <");
        line.push_str(&self.predicate);
        line.push_str("> ");
        self.object.write(&mut line, name);
        if let Some(graph) = &self.graph {
            line.push(' ');
            graph.write(&mut line, name);
        }
        line.push_str(" .\n");
        line
    }
}

impl Term {
    fn write(&self, line: &mut String, name: &dyn Fn(&str) -> String) {
        match self {
            Self::Iri(iri) => {
                line.push('<');
                line.push_str(iri);
                line.push('>');
            }
            Self::Blank(own) => line.push_str(&name(own)),
            Self::Literal { value, datatype, language } => {
                line.push('"');
                value.chars().for_each(|c| escape(c, line));
                line.push('"');
                match language {
                    Some(language) => {
                        line.push('@');
                        line.push_str(language);
                    }
                    None if datatype == XSD_STRING => {}
                    None => {
                        line.push_str("^^<");
                        line.push_str(datatype);
                        line.push('>');
                    }
                }
            }
        }
    }
}

const XSD_STRING: &str = "http://www.w3.org/2001/XMLSchema#string";

/// RDFC-1.0 section 5: `ECHAR` where there is one, `UCHAR` for other controls and for what is no character in XML 1.1,
/// everything else as it is.
fn escape(c: char, line: &mut String) {
    match c {
        '"' => line.push_str("\\\""),
        '\\' => line.push_str("\\\\"),
        '\u{8}' => line.push_str("\\b"),
        '\t' => line.push_str("\\t"),
        '\n' => line.push_str("\\n"),
        '\u{c}' => line.push_str("\\f"),
        '\r' => line.push_str("\\r"),
        c if c < ' ' || matches!(c, '\u{7f}' | '\u{fffe}' | '\u{ffff}') => {
            line.push_str(&format!("\\u{:04X}", u32::from(c)))
        }
        c => line.push(c),
    }
}
