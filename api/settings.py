"""The settings in force: flags, then `GREFFIER_*` environment variables, then the settings file, then defaults."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import Field, PlainSerializer, PlainValidator, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from sqlalchemy import URL

from adapters.databases import shown_url, sqlite_url, store_url
from adapters.master_key import KeyPlace

SETTINGS_FILE: Final = "greffier.toml"


class SettingsFileError(Exception):
    """The settings file can't be read as one, or the one that `GREFFIER_SETTINGS` names is missing."""


class Stores(NamedTuple):
    """Where each of the four stores is."""

    log: URL
    vault: URL
    views: URL
    desk: URL


def _parsed(value: Any) -> Any:
    return store_url(value) if isinstance(value, str) else value


StoreAddress: TypeAlias = Annotated[
    URL | None,
    NoDecode,
    PlainValidator(_parsed),
    PlainSerializer(lambda url: url and shown_url(url), return_type=str | None),
]
"""A store's URL, which shows no password."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GREFFIER_", extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    data: Path = Field(
        Path("greffier-data"), description="The folder of the office: its files, and its stores unless they are named"
    )
    store: StoreAddress = Field(
        None, description="The place of all four stores: `sqlite:///FOLDER`, or `postgresql://USER@HOST/NAME`"
    )
    log: StoreAddress = Field(None, description="The events: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`")
    vault: StoreAddress = Field(None, description="The keys; keep them in another database than the events")
    views: StoreAddress = Field(None, description="The read models")
    desk: StoreAddress = Field(None, description="Tokens, counters, the quarantine")
    master_key: SecretStr | None = Field(
        None, description="The master key itself (32 bytes, base64), instead of a file"
    )
    master_key_file: Path | None = Field(
        None, description="The file of the master key; `master.key` in the data folder if unset"
    )
    host: str = Field("127.0.0.1", description="The address that `greffier serve` listens on")
    port: int = Field(8000, ge=0, le=65535, description="The port that `greffier serve` listens on; 0 takes a free one")
    smtp_host: str = Field("127.0.0.1", description="The address that `greffier receive` listens on")
    smtp_port: int = Field(
        2525, ge=0, le=65535, description="The port that `greffier receive` listens on; 0 takes a free one"
    )
    smtp_certificate: Path | None = Field(
        None,
        description="The file of the certificate (PEM, with its chain) with which `greffier receive` offers STARTTLS",
    )
    smtp_key: Path | None = Field(
        None, validate_default=True, description="The file of that certificate's key (PEM, without a password)"
    )
    smtp_require_tls: bool = Field(
        False, validate_default=True, description="Whether `greffier receive` takes mail over TLS only"
    )
    max_message_bytes: int = Field(64 << 20, gt=0, description="Larger messages go to quarantine (over HTTP: 413)")
    read_timeout: float = Field(5.0, gt=0, description="How long a read waits for `min_position`, in seconds")

    @field_validator("smtp_key")
    @classmethod
    def _is_with_its_certificate(cls, key: Path | None, others: ValidationInfo) -> Path | None:
        if (key is None) != (others.data.get("smtp_certificate") is None):
            raise ValueError("smtp_certificate and smtp_key are given together, or neither is")
        return key

    @field_validator("smtp_require_tls")
    @classmethod
    def _is_possible(cls, required: bool, others: ValidationInfo) -> bool:
        if required and others.data.get("smtp_certificate") is None:
            raise ValueError("TLS needs smtp_certificate and smtp_key")
        return required

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        named = os.environ.get("GREFFIER_SETTINGS")
        file = Path(named or SETTINGS_FILE)
        if named and not file.is_file():
            raise SettingsFileError(f"{file}: there is no such settings file (GREFFIER_SETTINGS)")
        try:
            from_file = TomlConfigSettingsSource(settings_cls, toml_file=file)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsFileError(f"{file}: not a settings file in TOML: {error}") from None
        return init_settings, env_settings, from_file

    @property
    def stores(self) -> Stores:
        """Where the stores are: each as it is named, else by the place of all, else in the data folder."""
        place = self.store or sqlite_url(self.data)

        def default(name: str) -> URL:
            database = str(place.database)
            if place.get_backend_name() == "sqlite":
                return sqlite_url(Path(database) / f"{name}.sqlite")
            return place.set(database=f"{database}_{name}")

        return Stores(*(getattr(self, name) or default(name) for name in Stores._fields))

    @property
    def key_place(self) -> KeyPlace:
        given = self.master_key.get_secret_value() if self.master_key else None
        return KeyPlace(self.stores.vault, self.key_file, given)

    @property
    def files(self) -> Path:
        return self.data / "files"

    @property
    def key_file(self) -> Path:
        return self.master_key_file or self.data / "master.key"


def read_settings(**flags: Any) -> Settings:
    """The settings in force; flags that were not given (None) count for nothing.

    Raises pydantic's `ValidationError`, and `SettingsFileError`.
    """
    return Settings(**{name: value for name, value in flags.items() if value is not None})
