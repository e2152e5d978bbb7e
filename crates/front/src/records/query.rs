use std::collections::BTreeMap;

use introspectd_core::{Filters, Listing, Order, State};

use crate::form;
use crate::problem::{InvalidQuery, InvalidRequest, Problem};

/// What a request says of the list that it wants, by the parameters' names. A page token holds the same, so that it is
/// enough to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<String, String>);

/// Which records a request wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List<'a> {
    pub(super) provider: Option<&'a str>,
    pub(super) listing: Listing,
    pub(super) state: Option<State>,
    pub(super) page_size: usize,
}

const NAMES: [&str; 11] = [
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

/// A filter's bytes. All of them stand in the page token, which must fit into a request's head.
const LONGEST_FILTER: usize = 512;

const DEFAULT_SIZE: usize = 50;
const LARGEST_SIZE: usize = 200;

impl Parameters {
    /// Reads a query.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for pair in form::pairs(query.as_bytes()) {
            let (name, value) = pair.map_err(|_| InvalidQuery::NotEncoded)?;
            if !NAMES.contains(&&*name) {
                return Err(InvalidQuery::Unknown.into());
            }
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(InvalidRequest::Repeated.into());
            }
        }
        Ok(Self(parameters))
    }

    pub(super) fn take_page_token(&mut self) -> Option<String> {
        self.0.remove(PAGE_TOKEN)
    }

    /// These, with what `former` ones of the same list said. Only the size of a page may change.
    pub(super) fn of_the_same_list(self, former: &Self) -> Result<Self, InvalidQuery> {
        let mut both = former.clone();
        both.0.extend(self.0);
        let any_size = |parameters| Ok(List { page_size: DEFAULT_SIZE, ..List::read(parameters)? });
        if any_size(&both)? != any_size(former)? {
            return Err(InvalidQuery::OtherList);
        }
        Ok(both)
    }

    pub(super) fn into_inner(self) -> BTreeMap<String, String> {
        self.0
    }

    pub(super) fn from_inner(parameters: BTreeMap<String, String>) -> Self {
        Self(parameters)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn filter(&self, name: &str) -> Result<Option<String>, InvalidQuery> {
        match self.text(name) {
            // Empty where a script's variable was: it would show everything, or nothing.
            Some(text) if text.is_empty() || text.len() > LONGEST_FILTER => Err(InvalidQuery::Filter),
            text => Ok(text.map(str::to_owned)),
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn read(parameters: &'a Parameters) -> Result<Self, InvalidQuery> {
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
    State::ALL.into_iter().find(|state| state.as_str() == word).ok_or(InvalidQuery::State)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(query: &str) -> Result<Parameters, Problem> {
        let parameters = Parameters::parse(query)?;
        List::read(&parameters)?;
        Ok(parameters)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let parameters = parse("").unwrap();
        let list = List::read(&parameters).unwrap();
        assert_eq!(list, List { provider: None, listing: Listing::default(), state: None, page_size: 50 });
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "provider=bank&owner=a%26b&client_id=c&user_id=u&account_id=x&grant_type=password&role=r+s\
                     &state=not_yet_valid&order=-created_at&page_size=200";
        let parameters = parse(query).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let filters = Filters {
            owner: text("a&b"),
            client_id: text("c"),
            user_id: text("u"),
            account_id: text("x"),
            grant_type: text("password"),
            role: text("r s"),
        };
        let listing = Listing { filters, order: Order::Descending };
        let state = Some(State::NotYetValid);
        let expected = List { provider: Some("bank"), listing, state, page_size: 200 };
        assert_eq!(List::read(&parameters).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_reason() {
        use InvalidQuery::{Filter, NotEncoded, Order, PageSize, State, Unknown};
        let long = format!("owner={}", "a".repeat(513));
        for (query, reason) in [
            ("owner=%", NotEncoded),
            ("owner=%ff", NotEncoded),
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
    fn a_list_goes_on_with_the_same_parameters_or_fewer() {
        let former = parse("owner=alice&page_size=7").unwrap();
        let read = |query: &str| parse(query).unwrap().of_the_same_list(&former);
        for same in ["", "owner=alice", "order=created_at"] {
            let both = read(same).unwrap();
            assert_eq!(List::read(&both), List::read(&former), "{same}");
        }
        assert_eq!(List::read(&read("page_size=9").unwrap()).unwrap().page_size, 9);
        for other in ["owner=bob", "role=r", "order=-created_at", "state=active", "provider=bank"] {
            assert_eq!(read(other), Err(InvalidQuery::OtherList), "{other}");
        }
        let odd = Parameters::parse("state=odd").unwrap();
        assert_eq!(odd.of_the_same_list(&former), Err(InvalidQuery::State));
    }

    #[test]
    fn a_reason_is_told_in_two_languages() {
        use InvalidQuery::{Filter, NotEncoded, Order, OtherList, PageSize, PageToken, State, Unknown};
        for reason in [NotEncoded, Unknown, Filter, State, Order, PageSize, PageToken, OtherList] {
            let (english, spanish) = reason.descriptions();
            assert_ne!(english, spanish);
        }
        let (english, spanish) = Unknown.descriptions();
        for name in NAMES {
            assert!(english.contains(name) && spanish.contains(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query: String) {
            let _ = parse(&query);
        }
    }
}
