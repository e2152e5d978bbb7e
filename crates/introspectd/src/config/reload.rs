use std::time::Duration;

use introspectd_settings::Section;

/// `[reload] watch`: how often the files of the configuration are looked at, or "off".
pub(super) fn read(root: &mut Section) -> Option<Duration> {
    const OFF: &str = "off";
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut reload = root.section("reload");
    let watch = match reload.text_or("watch", OFF).as_str() {
        OFF => None,
        text => {
            let watch = humantime::parse_duration(text).ok();
            let watch = watch.filter(|watch| (Duration::from_secs(1)..=DAY).contains(watch));
            if watch.is_none() {
                let remedy = "Write \"off\", or a duration from 1s to 1day: \"5s\".";
                reload.problem("watch", format!("{text:?} is no interval"), remedy);
            }
            watch
        }
    };
    reload.finish();
    watch
}
