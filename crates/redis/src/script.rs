use std::sync::LazyLock;

use redis::Cmd;

/// Lua script, which a server knows by its hash once it has run.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let hash = redis::Script::new(text).get_hash().to_owned();
        Self { text, hash }
    }

    pub(super) fn by_hash(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        command("EVALSHA", &self.hash, keys, arguments)
    }

    pub(super) fn by_text(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        command("EVAL", self.text, keys, arguments)
    }
}

fn command(name: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}

/// Entries from an id on, and the time of the same moment.
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "return {redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]), \
         redis.call('TIME')}",
    )
});

/// New entry, and the loss of those that are older than so many milliseconds.
pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = redis.call('TIME') \
         local oldest = math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[1]) \
         return redis.pcall('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', oldest), '*', \
         unpack(ARGV, 2))",
    )
});

/// Values of all keys, of which the last is a lease; it is set where none has a value.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local values = redis.call('MGET', unpack(KEYS)) \
         for _, value in ipairs(values) do if value then return values end end \
         local done = redis.pcall('SET', KEYS[#KEYS], ARGV[1], 'PX', ARGV[2]) \
         if done.err then return done end \
         return {}",
    )
});

/// Value in place of another.
pub(super) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
         local done = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
         if done.err then return done end \
         return 1",
    )
});

/// Value of the second key, for a lease in the first. The value is set first, so that one that is
/// refused costs no lease.
pub(super) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
         local done = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) \
         if done.err then return done end \
         redis.call('DEL', KEYS[1]) \
         return 1",
    )
});

/// End of a value.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
         return redis.pcall('DEL', KEYS[1])",
    )
});
