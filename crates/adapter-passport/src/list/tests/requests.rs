//! Requests that a listing is translated to.

use introspectd_core::{Failure, Filters, Listing, Order};

use super::{Page, Position, filtered, position};

#[test]
fn query_has_the_vendors_parameters() {
    let query = |listing: &Listing, from: Option<&Position>| {
        let pairs = Page::of(listing, from).unwrap().unwrap().query();
        pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    };
    assert_eq!(
        query(&Listing::default(), None),
        "page_params.page_size=50&page_params.page_number=1&order_params.order_key=created_at\
         &order_params.order_direction=ASC"
    );
    let mut listing = filtered(|filters| {
        filters.account_id = Some("a".to_owned());
        filters.user_id = Some("u".to_owned());
        filters.role = Some("r".to_owned());
        filters.grant_type = Some("client_credentials".to_owned());
    });
    listing.order = Order::Descending;
    assert_eq!(
        query(&listing, Some(&position(7, 3))),
        "page_params.page_size=50&page_params.page_number=7\
         &page_params.first_request_timestamp.seconds=1757542990\
         &page_params.first_request_timestamp.nanos=800000000\
         &order_params.order_key=created_at&order_params.order_direction=DESC\
         &account_id=a&user_id=u&grant_flow=GRANT_FLOW_CLIENT_CREDENTIALS&role=r"
    );
}

#[test]
fn filters_translate_to_page_requests() {
    let page =
        |listing: &Listing| Page::of(listing, None).map(|page| page.and_then(|it| it.grant_flow));
    let some = || Some("x".to_owned());
    let user = |listing: &Listing| {
        Page::of(listing, None)
            .unwrap()
            .and_then(|it| it.user.map(str::to_owned))
    };
    assert_eq!(user(&filtered(|it| it.owner = some())), some());
    assert_eq!(
        user(&filtered(
            |it| (it.owner, it.user_id) = (some(), Some("y".to_owned()))
        )),
        None
    );
    assert_eq!(
        page(&filtered(|it| it.client_id = some())),
        Err(Failure::Unsupported)
    );
    let after = Position::After {
        millis: 0,
        handle: String::new(),
    };
    assert_eq!(
        Page::of(&Listing::default(), Some(&after)).err(),
        Some(Failure::Unsupported)
    );
    for (grant_type, flow) in [
        ("password", Some("GRANT_FLOW_PASSWORD")),
        ("GRANT_FLOW_LOGIN", Some("GRANT_FLOW_LOGIN")),
        ("GRANT_FLOW_ENTITY_SETUP", Some("GRANT_FLOW_ENTITY_SETUP")),
        ("refresh_token", None),
        ("", None),
    ] {
        let listing = filtered(|it| it.grant_type = Some(grant_type.to_owned()));
        assert_eq!(page(&listing), Ok(flow), "{grant_type}");
        assert_eq!(
            Page::of(&listing, None).unwrap().is_some(),
            flow.is_some(),
            "{grant_type}"
        );
    }
    for set in [
        |it: &mut Filters, empty| it.role = empty,
        |it: &mut Filters, empty| it.user_id = empty,
        |it: &mut Filters, empty| it.owner = empty,
        |it: &mut Filters, empty| it.account_id = empty,
    ] {
        assert!(
            Page::of(&filtered(|it| set(it, Some(String::new()))), None)
                .unwrap()
                .is_none()
        );
    }
}
