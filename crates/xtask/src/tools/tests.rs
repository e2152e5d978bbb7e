use super::*;

#[test]
fn major_version_is_found_in_program_output() {
    let printed = [
        ("v20.20.2\n", Some(20)),
        ("9.2.0\n", Some(9)),
        ("nginx version: nginx/1.22.1\n", Some(1)),
        (
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\n",
            Some(7),
        ),
        (
            "envoy  version: 36d3a1/1.31.0/Clean/RELEASE/BoringSSL\n",
            Some(1),
        ),
        (
            "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n",
            Some(2),
        ),
        ("Server version: Apache/2.4.71 (Debian)\n", Some(2)),
        ("lua-socket:amd64\t3.1.0-1+b1\n", Some(3)),
        ("pip 23.0.1\n", Some(23)),
        (
            "GNU groff version 1.22.4\nCopyright (C) 2018 Free Software Foundation, Inc.\n",
            Some(1),
        ),
        ("libnginx-mod-http-lua\t1:0.10.23-1+deb12u1\n", Some(0)),
        (
            "promtool, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5+deb12u1)\n",
            Some(2),
        ),
        ("lua-cjson:amd64\t2.1.0+dfsg-2.2\n", Some(2)),
        ("systemd 252 (252.39-1~deb12u2)\n+PAM +AUDIT", Some(252)),
        ("no version", None),
        ("", None),
    ];
    for (printed, expected) in printed {
        assert_eq!(major(printed), expected, "{printed:?}");
    }
}

#[test]
fn unknown_program_is_missing() {
    let tool = Tool {
        name: "none",
        version: &["no-such-program-anywhere"],
        at_least: 0,
        package: "none",
    };
    assert!(matches!(tool.lack(), Some(Lack::Missing)));
}

#[test]
fn old_program_is_too_old() {
    let tool = Tool {
        name: "echo",
        version: &["echo", "v16.1.0"],
        at_least: 18,
        package: "none",
    };
    assert!(matches!(tool.lack(), Some(Lack::TooOld(18))));
    assert!(
        Tool {
            at_least: 16,
            ..tool
        }
        .lack()
        .is_none()
    );
}
