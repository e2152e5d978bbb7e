use std::borrow::Cow;
use std::collections::BTreeMap;

use introspectd_core::{Filters, Listing, Order, State};

use crate::refusal::{InvalidQuery, InvalidRequest, Refusal};

/// Parameters of a list, by name. A page token holds the same, so that it is enough to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

/// List that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) listing: Listing,
    pub(crate) state: Option<State>,
    pub(crate) page_size: usize,
}

/// Names of the parameters of a list.
pub const LIST_PARAMETERS: [&str; 11] = [
    "provider",
    "owner",
    "client_id",
    "user_id",
    "account_id",
    "grant_type",
    "role",
    "state",
    "order",
    PAGE_SIZE,
    PAGE_TOKEN,
];
const PAGE_SIZE: &str = "page_size";
const PAGE_TOKEN: &str = "page_token";

/// Longest filter, in bytes. All filters are part of the page token, which must fit into a head.
const LONGEST_FILTER: usize = 512;

const DEFAULT_SIZE: usize = 50;
const LARGEST_SIZE: usize = 200;

impl Parameters {
    /// Reads the names and values of a query.
    ///
    /// # Errors
    /// The first fault in it.
    pub fn read<'a>(
        pairs: impl Iterator<Item = Result<(Cow<'a, str>, Cow<'a, str>), InvalidQuery>>,
    ) -> Result<Self, Refusal> {
        let mut parameters = BTreeMap::new();
        for pair in pairs {
            let (name, value) = pair?;
            if !LIST_PARAMETERS.contains(&&*name) {
                return Err(InvalidQuery::Unknown.into());
            }
            if parameters
                .insert(name.into_owned(), value.into_owned())
                .is_some()
            {
                return Err(InvalidRequest::Repeated.into());
            }
        }
        Ok(Self(parameters))
    }

    pub(crate) fn take_page_token(&mut self) -> Option<String> {
        self.0.remove(PAGE_TOKEN)
    }

    /// Adds the `former` parameters of the same list. Only the size of a page may change.
    pub(crate) fn of_the_same_list(self, former: &Self) -> Result<Self, InvalidQuery> {
        let mut both = former.clone();
        both.0.extend(self.0);
        let any_size = |parameters| {
            Ok(List {
                page_size: DEFAULT_SIZE,
                ..List::read(parameters)?
            })
        };
        if any_size(&both)? != any_size(former)? {
            return Err(InvalidQuery::OtherList);
        }
        Ok(both)
    }

    pub(crate) fn into_inner(self) -> BTreeMap<String, String> {
        self.0
    }

    pub(crate) fn from_inner(parameters: BTreeMap<String, String>) -> Self {
        Self(parameters)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn filter(&self, name: &str) -> Result<Option<String>, InvalidQuery> {
        match self.text(name) {
            // Empty where a script's variable was unset: it would show everything, or nothing.
            Some(text) if text.is_empty() || text.len() > LONGEST_FILTER => {
                Err(InvalidQuery::Filter)
            }
            text => Ok(text.map(str::to_owned)),
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn read(parameters: &'a Parameters) -> Result<Self, InvalidQuery> {
        let filters = Filters {
            owner: parameters.filter("owner")?,
            client_id: parameters.filter("client_id")?,
            user_id: parameters.filter("user_id")?,
            account_id: parameters.filter("account_id")?,
            grant_type: parameters.filter("grant_type")?,
            role: parameters.filter("role")?,
        };
        let order = match parameters.text("order") {
            None | Some("created_at") => Order::Ascending,
            Some("-created_at") => Order::Descending,
            Some(_) => return Err(InvalidQuery::Order),
        };
        let page_size = match parameters.text(PAGE_SIZE).map(str::parse) {
            None => DEFAULT_SIZE,
            Some(Ok(size @ 1..=LARGEST_SIZE)) => size,
            Some(Ok(_) | Err(_)) => return Err(InvalidQuery::PageSize),
        };
        Ok(Self {
            provider: parameters.text("provider"),
            listing: Listing { filters, order },
            state: parameters.text("state").map(state).transpose()?,
            page_size,
        })
    }
}

fn state(word: &str) -> Result<State, InvalidQuery> {
    State::ALL
        .into_iter()
        .find(|state| state.as_str() == word)
        .ok_or(InvalidQuery::State)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a query without escapes.
    fn of(query: &str) -> Result<Parameters, Refusal> {
        Parameters::read(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Ok((name.into(), value.into()))
                }),
        )
    }

    fn parse(query: &str) -> Result<Parameters, Refusal> {
        let parameters = of(query)?;
        List::read(&parameters)?;
        Ok(parameters)
    }

    #[test]
    fn absent_parameter_has_its_default() {
        let parameters = parse("").unwrap();
        let list = List::read(&parameters).unwrap();
        assert_eq!(
            list,
            List {
                provider: None,
                listing: Listing::default(),
                state: None,
                page_size: 50
            }
        );
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "provider=bank&owner=a \
            b&client_id=c&user_id=u&account_id=x&grant_type=password&role=r s\
                     &state=not_yet_valid&order=-created_at&page_size=200";
        let parameters = parse(query).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let filters = Filters {
            owner: text("a b"),
            client_id: text("c"),
            user_id: text("u"),
            account_id: text("x"),
            grant_type: text("password"),
            role: text("r s"),
        };
        let listing = Listing {
            filters,
            order: Order::Descending,
        };
        let state = Some(State::NotYetValid);
        let expected = List {
            provider: Some("bank"),
            listing,
            state,
            page_size: 200,
        };
        assert_eq!(List::read(&parameters).unwrap(), expected);
    }

    #[test]
    fn invalid_parameter_is_refused_with_its_reason() {
        use InvalidQuery::{Filter, Order, PageSize, State, Unknown};
        let long = format!("owner={}", "a".repeat(513));
        for (query, reason) in [
            ("own=alice", Unknown),
            ("Owner=alice", Unknown),
            ("=", Unknown),
            ("token=x", Unknown),
            ("owner=", Filter),
            ("role", Filter),
            (&long, Filter),
            ("state=", State),
            ("state=Active", State),
            ("state=inactive", State),
            ("order=", Order),
            ("order=+created_at", Order),
            ("order=exp", Order),
            ("page_size=", PageSize),
            ("page_size=0", PageSize),
            ("page_size=201", PageSize),
            ("page_size=-1", PageSize),
            ("page_size=x", PageSize),
            ("page_size=99999999999999999999999", PageSize),
        ] {
            assert_eq!(parse(query), Err(reason.into()), "{query}");
        }
        assert_eq!(parse("role=a&role=a"), Err(InvalidRequest::Repeated.into()));
        assert!(parse(long.strip_suffix('a').unwrap()).is_ok());
    }

    #[test]
    fn list_continues_with_the_same_parameters_or_fewer() {
        let former = parse("owner=alice&page_size=7").unwrap();
        let read = |query: &str| parse(query).unwrap().of_the_same_list(&former);
        for same in ["", "owner=alice", "order=created_at"] {
            let both = read(same).unwrap();
            assert_eq!(List::read(&both), List::read(&former), "{same}");
        }
        assert_eq!(
            List::read(&read("page_size=9").unwrap()).unwrap().page_size,
            9
        );
        for other in [
            "owner=bob",
            "role=r",
            "order=-created_at",
            "state=active",
            "provider=bank",
        ] {
            assert_eq!(read(other), Err(InvalidQuery::OtherList), "{other}");
        }
        let odd = of("state=odd").unwrap();
        assert_eq!(odd.of_the_same_list(&former), Err(InvalidQuery::State));
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query: String) {
            let _ = parse(&query);
        }
    }

    #[test]
    fn any_query_is_read_or_refused() {
        let seeds: [&[u8]; 2] = [
            b"provider=bank&owner=alice&page_size=200&order=-created_at",
            b"state=active&page_token=x&grant_type=password",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let _ = of(&String::from_utf8_lossy(bytes));
        });
    }
}
