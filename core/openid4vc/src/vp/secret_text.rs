//! A secret key as base64url text inside a stored value.

use serde::{Deserialize as _, Deserializer, Serializer};
use warifu_keys::{Secret, base64url};

pub(super) fn serialize<S: Serializer>(secret: &Option<Secret>, writer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => writer.serialize_str(&base64url::encode(secret.expose())),
        None => writer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(reader)?;
    text.map(|text| base64url::decode(&text).map(Secret::new).map_err(serde::de::Error::custom)).transpose()
}
