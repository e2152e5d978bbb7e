//! JSON for readers, its members in the order in which they came.

/// Breaks JSON into indented lines. What is no JSON comes out as no JSON.
pub(crate) fn lines(text: &str) -> String {
    let mut lines = String::new();
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            lines.push(c);
            continue;
        }
        let opened = lines.ends_with(['{', '[']);
        match c {
            '}' | ']' => {
                depth -= 1;
                if !opened {
                    break_line(&mut lines, depth);
                }
                lines.push(c);
            }
            ':' => lines.push_str(": "),
            ' ' | '\t' | '\r' | '\n' => {}
            ',' => {
                lines.push(c);
                break_line(&mut lines, depth);
            }
            _ => {
                if opened {
                    break_line(&mut lines, depth);
                }
                lines.push(c);
                depth += i32::from(matches!(c, '{' | '['));
                quoted = c == '"';
            }
        }
    }
    lines
}

fn break_line(lines: &mut String, depth: i32) {
    lines.push('\n');
    (0..depth).for_each(|_| lines.push_str("  "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order() {
        let text = r#"{"b":"a,\"{: \\","a":[1, {"c":{}}],"d":[]}"#;
        let lines = lines(text);
        let expected = "{\n  \"b\": \"a,\\\"{: \\\\\",\n  \"a\": [\n    1,\n    {\n      \"c\": {}\n    }\n  ],\n  \"d\": []\n}";
        assert_eq!(lines, expected);
    }

    #[test]
    fn json_round_trips() {
        for text in ["", "}", "<html>", "\"", "\\"] {
            assert!(lines(text).ends_with(text), "{text}");
        }
    }
}
