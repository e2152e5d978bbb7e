use super::page::{End, Page};
use crate::{Exit, Stopped};
use introspectd_core::text::one_line;

/// Most retries in a row that bring no records, of the providers that failed once no other has
/// more.
const RETRIES: u32 = 3;

/// Extent of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    OnePage,
    All,
}

/// Source of pages.
pub(super) trait Source {
    /// Fetches the page at `token`, or the first.
    fn page(&mut self, token: Option<&str>) -> Result<Page, Stopped>;

    /// Waits before a retry of failed providers.
    fn pause(&mut self);
}

/// Hands each page to `each` as it arrives. Returns the failures that remain: a failed provider is
/// retried with each next page, and a few times more if only failed ones are left.
pub(super) fn follow(
    source: &mut impl Source,
    from: Option<String>,
    extent: Extent,
    mut each: impl FnMut(&Page) -> Result<(), Stopped>,
) -> Result<End, Stopped> {
    let mut token = from;
    let mut unlisted: Vec<String> = Vec::new();
    let mut retries = 0;
    loop {
        let fetched = source.page(token.as_deref());
        let page = fetched.map_err(|stopped| cut_off(stopped, token.as_deref(), extent))?;
        each(&page)?;
        let Page { tokens, end } = page;
        for provider in &end.unlisted {
            if !unlisted.contains(provider) {
                unlisted.push(provider.clone());
            }
        }
        if extent == Extent::OnePage {
            return Ok(End { unlisted, ..end });
        }
        if !tokens.is_empty() {
            retries = 0;
        }
        token = match (&end.next, &end.retry) {
            (Some(next), _) if Some(next) == token.as_ref() => {
                return Err(Stopped::unreachable(
                    "the server returned the same page token twice",
                ));
            }
            (Some(next), _) => Some(next.clone()),
            (None, Some(retry)) if retries < RETRIES => {
                retries += 1;
                source.pause();
                Some(retry.clone())
            }
            (None, _) => return Ok(End { unlisted, ..end }),
        };
    }
}

/// Adds the page token to the error, so that a long list can be continued.
fn cut_off(mut stopped: Stopped, token: Option<&str>, extent: Extent) -> Stopped {
    if let (Some(token), Extent::All, Exit::Unreachable) = (token, extent, stopped.exit) {
        stopped.message.push_str(&format!(
            "\nto continue from there, add --page-token {}",
            one_line(token)
        ));
    }
    stopped
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Scripted pages, and the tokens requested.
    #[derive(Default)]
    struct Script {
        pages: VecDeque<Result<&'static str, Stopped>>,
        requested: Vec<Option<String>>,
        pauses: u32,
    }

    impl Script {
        fn of(pages: impl IntoIterator<Item = &'static str>) -> Self {
            Self {
                pages: pages.into_iter().map(Ok).collect(),
                ..Self::default()
            }
        }

        fn read(&mut self, extent: Extent) -> (Result<End, Stopped>, usize) {
            let mut count = 0;
            let end = follow(self, None, extent, |page| {
                count += page.tokens.len();
                Ok(())
            });
            (end, count)
        }
    }

    impl Source for Script {
        fn page(&mut self, token: Option<&str>) -> Result<Page, Stopped> {
            self.requested.push(token.map(str::to_owned));
            let page = self.pages.pop_front().expect("a page too many")?;
            Ok(serde_json::from_str(page).unwrap())
        }

        fn pause(&mut self) {
            self.pauses += 1;
        }
    }

    const FIRST: &str =
        r#"{"tokens":[{},{}],"next_page_token":"a","errors":[],"unlisted":["sso"]}"#;
    const LAST: &str = r#"{"tokens":[{}],"errors":[],"unlisted":["sso"]}"#;
    const HALF: &str = r#"{"tokens":[{}],"retry_page_token":"b","errors":[{"provider":"bank","error":"unavailable"}]}"#;
    const DOWN: &str = r#"{"tokens":[],"retry_page_token":"b","errors":[{"provider":"bank","error":"unavailable"}]}"#;
    const OTHERS: &str = r#"{"tokens":[{}],"next_page_token":"c","errors":[{"provider":"bank","error":"unavailable"}]}"#;

    #[test]
    fn one_page_is_one_question() {
        let mut script = Script::of([FIRST]);
        let (end, count) = script.read(Extent::OnePage);
        assert_eq!((end.unwrap().next.as_deref(), count), (Some("a"), 2));
    }

    #[test]
    fn all_pages_are_followed_to_the_last() {
        let mut script = Script::of([FIRST, r#"{"tokens":[],"next_page_token":"c"}"#, LAST]);
        let (end, count) = script.read(Extent::All);
        let end = end.unwrap();
        assert_eq!(count, 3);
        assert_eq!((end.next, end.unlisted), (None, vec!["sso".to_owned()]));
        assert_eq!(
            script.requested,
            [None, Some("a".to_owned()), Some("c".to_owned())]
        );
        assert_eq!(script.pauses, 0);
    }

    #[test]
    fn a_provider_that_comes_back_leaves_no_error() {
        let mut script = Script::of([FIRST, HALF, DOWN, DOWN, LAST]);
        let (end, count) = script.read(Extent::All);
        let end = end.unwrap();
        assert_eq!((end.errors.len(), end.retry, count), (0, None, 4));
        assert_eq!(script.requested.last(), Some(&Some("b".to_owned())));
        assert_eq!(script.pauses, 3);
    }

    #[test]
    fn failed_provider_is_retried_three_times() {
        let mut script = Script::of([FIRST, HALF, DOWN, DOWN, DOWN]);
        let (end, count) = script.read(Extent::All);
        let end = end.unwrap();
        assert_eq!(
            (end.errors.len(), end.next, end.retry.as_deref(), count),
            (1, None, Some("b"), 3)
        );
        assert_eq!((script.pauses, script.pages.len()), (RETRIES, 0));
    }

    #[test]
    fn records_give_a_provider_new_tries() {
        let mut script = Script::of([DOWN, DOWN, DOWN, HALF, DOWN, DOWN, LAST]);
        let (end, count) = script.read(Extent::All);
        assert_eq!((end.unwrap().errors.len(), count), (0, 2));
    }

    #[test]
    fn failed_provider_delays_no_page_of_others() {
        let mut script = Script::of([OTHERS, r#"{"tokens":[{}],"next_page_token":"d"}"#, LAST]);
        assert_eq!((script.read(Extent::All).1, script.pauses), (3, 0));
    }

    #[test]
    fn a_page_that_follows_itself_is_not_followed() {
        let again = r#"{"tokens":[{}],"next_page_token":"a"}"#;
        let mut script = Script::of([FIRST, again]);
        let stopped = script.read(Extent::All).0.unwrap_err();
        assert_eq!(stopped.exit, Exit::Unreachable);
    }

    #[test]
    fn truncated_list_names_the_page_token_to_continue() {
        let mut script = Script::of([FIRST]);
        script.pages.push_back(Err(Stopped::unreachable("gone")));
        let stopped = script.read(Extent::All).0.unwrap_err();
        assert!(stopped.message.starts_with("gone") && stopped.message.ends_with("--page-token a"));
        let mut refused = Script::of([FIRST]);
        refused.pages.push_back(Err(Stopped {
            exit: Exit::Refused,
            message: "no".to_owned(),
        }));
        assert_eq!(refused.read(Extent::All).0.unwrap_err().message, "no");
    }

    #[test]
    fn closed_output_ends_the_requests() {
        let mut script = Script::of([FIRST, LAST]);
        let end = follow(&mut script, None, Extent::All, |_| Err(Stopped::silently()));
        assert_eq!(end.unwrap_err().exit, Exit::Fine);
        assert_eq!(script.requested.len(), 1);
    }
}
