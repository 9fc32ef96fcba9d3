use std::path::Path;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use clap::ValueEnum;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::base::error::{Error, Result};

/// What a file of people is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// As it is answered.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// As its file is called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// What a file's name says that it is.
    pub fn named(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }

    fn of(media_type: &str) -> Option<Self> {
        match media_type.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "text/csv" => Some(Self::Csv),
            "application/jsonl" | "application/x-ndjson" | "application/x-jsonlines" => Some(Self::Jsonl),
            _ => None,
        }
    }

    /// What a body is.
    ///
    /// # Errors
    /// 415 `unsupported_media_type`.
    pub fn sent(headers: &HeaderMap) -> Result<Self> {
        let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        named.and_then(Self::of).ok_or_else(|| {
            Error::unsupported_media_type("send `Content-Type: text/csv` or `application/jsonl`, or add `?format=csv`")
        })
    }

    /// What is wanted: the first that we know, else CSV.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).find_map(Self::of).unwrap_or(Self::Csv)
    }
}
