//! Goal: a snapshot keeps the configuration of its pool, and nothing else keeps or loses it.

mod stored;
