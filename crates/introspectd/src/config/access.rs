use introspectd_server::{ListenAddress, SocketAccess};
use introspectd_settings::Section;
use nix::unistd::{Group, User};

const MODE_REMEDY: &str =
    "Write three octal digits in quotes, such as \"660\": write permission lets a user connect.";
const ID_REMEDY: &str = "Write a name that this system knows, or its number in quotes.";

/// `mode`, `owner` and `group` of a listener's entry, which are for Unix sockets only.
pub(super) fn read(entry: &mut Section, address: Option<&ListenAddress>) -> SocketAccess {
    if let Some(ListenAddress::Tcp(_)) = address {
        refuse(entry);
        return SocketAccess::default();
    }
    if let Some(address) = address.filter(|_| !entry.has("mode")) {
        note_default(entry, "", address);
    }
    SocketAccess {
        mode: entry
            .parsed("mode", MODE_REMEDY, parse_mode)
            .unwrap_or(SocketAccess::default().mode),
        owner: entry.parsed("owner", ID_REMEDY, user_id),
        group: entry.parsed("group", ID_REMEDY, group_id),
    }
}

/// Records the default mode of a Unix socket. `prefix` precedes the key.
pub(super) fn note_default(section: &Section, prefix: &str, address: &ListenAddress) {
    if matches!(address, ListenAddress::Unix(_)) {
        section.note_default(
            &format!("{prefix}mode"),
            format!("\"{:03o}\"", SocketAccess::default().mode),
        );
    }
}

fn refuse(entry: &mut Section) {
    for key in ["mode", "owner", "group"] {
        if entry.text(key).is_some() {
            let remedy = "Leave it out, or listen on \"unix:/…\".";
            entry.problem(key, "is for Unix sockets, and this one is on TCP", remedy);
        }
    }
}

fn parse_mode(text: &str) -> Result<u32, &'static str> {
    let digits = if text.len() == 4 {
        text.strip_prefix('0')
    } else {
        Some(text)
    };
    let digits = digits
        .filter(|digits| digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    digits
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .ok_or("is not a file mode")
}

fn user_id(name: &str) -> Result<u32, String> {
    id(name, "user", |name| {
        Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
    })
}

fn group_id(name: &str) -> Result<u32, String> {
    id(name, "group", |name| {
        Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
    })
}

fn id(
    name: &str,
    what: &str,
    look_up: impl Fn(&str) -> nix::Result<Option<u32>>,
) -> Result<u32, String> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    match look_up(name) {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(format!("{name:?} is not a {what} of this system")),
        Err(error) => Err(format!(
            "{name:?} cannot be looked up among the {what}s: {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, mode) in [("660", 0o660), ("0600", 0o600), ("777", 0o777), ("000", 0)] {
            assert_eq!(parse_mode(text), Ok(mode), "{text}");
        }
        for text in [
            "", "66", "1660", "00660", "668", "+66", "rw-", "0o660", "６60",
        ] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_are_names_or_numbers() {
        assert_eq!((user_id("root"), group_id("root")), (Ok(0), Ok(0)));
        assert_eq!(
            (user_id("65532"), group_id("65532")),
            (Ok(65532), Ok(65532))
        );
        for nobody in ["no-such-name", "", "-1", "a\0b"] {
            assert!(
                user_id(nobody).is_err() && group_id(nobody).is_err(),
                "{nobody:?}"
            );
        }
    }
}
