use introspectd_core::{Json, Members};

/// Subject identifier (RFC 9493, and the complex ones of SSF 1.0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectId {
    /// `iss_sub`. The issuer says whose subject it is; a transmitter speaks for its own providers.
    IssSub {
        /// Issuer.
        iss: String,
        /// Name of the subject at the issuer.
        sub: String,
    },
    /// `opaque`: a name that both sides agree on, which is `sub`.
    Opaque(String),
    /// `jwt_id`: one token.
    JwtId {
        /// Issuer of the token.
        iss: String,
        /// Value of the token's `jti`.
        jti: String,
    },
    /// `email`, `account`, `uri`, `did`, `phone_number`: a name that may or may not be a `sub`.
    Name(String),
    /// `aliases`: names of one subject.
    Aliases(Vec<Self>),
    /// `complex`: what all of these members are together.
    Complex(Vec<(String, Self)>),
}

/// Reason why a value is no subject identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// No JSON object.
    #[error("is no object")]
    NotAnObject,
    /// No `format`, or one that is not registered.
    #[error("has no known format")]
    Format,
    /// A member that its format needs is missing, empty, of the wrong type or too long.
    #[error("lacks the member {0}")]
    Member(&'static str),
    /// Identifiers inside that may not be nested, none of them, or too many.
    #[error("is nested too deep, or has none or too many inside")]
    Nesting,
}

/// Facts that a subject means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subjects {
    /// Properties of which each fact has one.
    pub marks: Vec<Mark>,
    /// True if a fact about the subject surely has one of them. Otherwise the subject is named in
    /// a way that facts may not be.
    pub is_certain: bool,
}

/// Property of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// RFC 7662 `sub`.
    Subject(String),
    /// RFC 7662 `client_id`.
    Client(String),
    /// RFC 7662 `jti`.
    TokenId(String),
}

/// Longest member in bytes.
const MAX_TEXT: usize = 2048;

/// Most identifiers inside another one.
const MAX_INSIDE: usize = 16;

impl SubjectId {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`InvalidSubject`].
    pub fn read(value: &Json) -> Result<Self, InvalidSubject> {
        let members = object(value)?;
        match format(members)? {
            "aliases" => Self::aliases(members),
            "complex" => Self::complex(members),
            format => simple(format, members),
        }
    }

    fn aliases(members: &Members) -> Result<Self, InvalidSubject> {
        let Some(Json::Array(identifiers)) = members.get("identifiers") else {
            return Err(InvalidSubject::Member("identifiers"));
        };
        if identifiers.is_empty() || identifiers.len() > MAX_INSIDE {
            return Err(InvalidSubject::Nesting);
        }
        let inside: Result<_, _> = identifiers.iter().map(inner).collect();
        inside.map(Self::Aliases)
    }

    /// Reads a complex subject: members whose values are identifiers of their own.
    fn complex(members: &Members) -> Result<Self, InvalidSubject> {
        let inside = members.iter().filter(|(name, _)| *name != "format");
        // A member that is no object is an extension, to be ignored (RFC 9493 section 3).
        let inside = inside.filter(|(_, value)| object(value).is_ok());
        let inside = inside.map(|(name, value)| Ok((name.to_owned(), inner(value)?)));
        let inside = inside.collect::<Result<Vec<_>, InvalidSubject>>()?;
        if inside.is_empty() || inside.len() > MAX_INSIDE {
            return Err(InvalidSubject::Nesting);
        }
        Ok(Self::Complex(inside))
    }

    /// Returns the facts that the subject means, or more than those: a purge of too much costs a
    /// request, one of too little leaves a stale answer.
    pub fn subjects(&self) -> Subjects {
        match self {
            Self::IssSub { sub, .. } => Subjects::certain(Mark::Subject(sub.clone())),
            Self::Opaque(id) => Subjects::certain(Mark::Subject(id.clone())),
            Self::JwtId { jti, .. } => Subjects::certain(Mark::TokenId(jti.clone())),
            Self::Name(name) => Subjects {
                marks: vec![Mark::Subject(name.clone())],
                is_certain: false,
            },
            Self::Aliases(names) => {
                let all = names.iter().map(Self::subjects);
                all.fold(Subjects::default(), |all, one| Subjects {
                    is_certain: all.is_certain || one.is_certain,
                    marks: [all.marks, one.marks].concat(),
                })
            }
            Self::Complex(members) => of_complex(members),
        }
    }
}

impl Subjects {
    fn certain(mark: Mark) -> Self {
        Self {
            marks: vec![mark],
            is_certain: true,
        }
    }
}

/// Finds the facts of all members together. Those of a single one include them, so the first that
/// is certain will do: the others, known or not, only narrow it.
fn of_complex(members: &[(String, SubjectId)]) -> Subjects {
    let named = |name: &str| {
        let mut named = members.iter().filter(|(member, _)| member == name);
        named.next().map(|(_, id)| id)
    };
    let user = named("user").map(SubjectId::subjects);
    let application = named("application").map(as_client);
    let session = named("session").and_then(as_token);
    let mut known = [user, application, session].into_iter().flatten();
    match known.clone().find(|subjects| subjects.is_certain) {
        Some(certain) => certain,
        None => known.next().unwrap_or_default(),
    }
}

/// Reads an application as a client.
fn as_client(application: &SubjectId) -> Subjects {
    match application {
        SubjectId::IssSub { sub: id, .. } | SubjectId::Opaque(id) => {
            Subjects::certain(Mark::Client(id.clone()))
        }
        SubjectId::JwtId { .. }
        | SubjectId::Name(_)
        | SubjectId::Aliases(_)
        | SubjectId::Complex(_) => Subjects::default(),
    }
}

/// Reads a session as a token; facts know no other sessions.
fn as_token(session: &SubjectId) -> Option<Subjects> {
    matches!(session, SubjectId::JwtId { .. }).then(|| session.subjects())
}

/// Reads an identifier inside another one, which holds none itself.
fn inner(value: &Json) -> Result<SubjectId, InvalidSubject> {
    let members = object(value)?;
    match format(members)? {
        "aliases" | "complex" => Err(InvalidSubject::Nesting),
        format => simple(format, members),
    }
}

fn simple(format: &str, members: &Members) -> Result<SubjectId, InvalidSubject> {
    Ok(match format {
        "iss_sub" => SubjectId::IssSub {
            iss: text(members, "iss")?,
            sub: text(members, "sub")?,
        },
        "opaque" => SubjectId::Opaque(text(members, "id")?),
        "jwt_id" => SubjectId::JwtId {
            iss: text(members, "iss")?,
            jti: text(members, "jti")?,
        },
        "email" => SubjectId::Name(text(members, "email")?),
        "account" | "uri" => SubjectId::Name(text(members, "uri")?),
        "did" => SubjectId::Name(text(members, "url")?),
        "phone_number" => SubjectId::Name(text(members, "phone_number")?),
        _ => return Err(InvalidSubject::Format),
    })
}

fn object(value: &Json) -> Result<&Members, InvalidSubject> {
    match value {
        Json::Object(members) => Ok(members),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err(InvalidSubject::NotAnObject)
        }
    }
}

fn format(members: &Members) -> Result<&str, InvalidSubject> {
    let format = members.get("format").and_then(Json::as_str);
    format.ok_or(InvalidSubject::Format)
}

fn text(members: &Members, name: &'static str) -> Result<String, InvalidSubject> {
    let text = members.get(name).and_then(Json::as_str);
    let text = text.filter(|text| !text.is_empty() && text.len() <= MAX_TEXT);
    text.map(str::to_owned).ok_or(InvalidSubject::Member(name))
}

#[cfg(test)]
mod tests;
