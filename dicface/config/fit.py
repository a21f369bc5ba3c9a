"""What must fit together in a configuration, beyond the single values."""

from __future__ import annotations

from typing import Any

from dicface.base.names import INPUT, TRUTH, controlled
from dicface.config.fields import WrongValueError, defaults_of, one_of, shown
from dicface.config.model import DiscriminatorSettings, check_aggregation
from dicface.config.networks import (
    METHOD_OF_STAGE,
    SIZES_OF_NETWORK,
    Network,
    network,
    place,
    restore_settings,
    share_of,
    sources_of,
    train_values,
    weights_of,
)
from dicface.config.settings import BEFORE, STAGES, Config, TrainSettings
from dicface.config.systems import TRAINED_METHODS, rows_of_tables

#: What decides shapes of weights: a network and what it starts from have these in common.
_SHAPES = (
    *("nf", "ch_mult", "num_res_blocks", "attn_resolutions", "patch_size", "tail"),
    *("codebook_size", "emb_dim", "dim_embd", "n_layers", "dim_mlp", "connect_list"),
)


def check_fit(config: Config) -> None:
    """Checks what settings ask of one another.

    Raises:
        WrongValueError: Two of them do not fit; the message names the one to change.
    """
    _check_data(config)
    check_names(config)
    for name in (*STAGES, *config.variants):
        _check_origin(config, name)
    for name in (*STAGES, *config.variants):
        _check_network(config, name)
    _check_rows(config)


def _check_data(config: Config) -> None:
    data = config.data
    if config.wild_clips and config.test_clips:
        expected = '"", as test_clips is a folder too: a run is on one or the other'
        raise WrongValueError("wild_clips", config.wild_clips, expected)
    for name in ("train", "images", "test"):
        chosen = getattr(data, name)
        if chosen.source == "folder" and not chosen.folder:
            raise WrongValueError(f"data.{name}.folder", "", "a folder, as its source is folder")
    if data.train.source == "render" and data.train.num_clips == 0:
        raise WrongValueError("data.train.num_clips", 0, "a whole number ≥ 1 of clips to render")
    if data.test.source == "render" and data.test.num_clips + data.test.photo == 0:
        raise WrongValueError("data.test.num_clips", 0, "a whole number ≥ 1, or photo: true")
    if data.size < config.degradation.smallest_frame:
        found, most = config.degradation.scale, data.size // 2
        raise WrongValueError(
            "degradation.scale", found, f"at most half of data.size = {data.size}, {most}"
        )
    if config.masks and config.takes_released_inputs:
        raise WrongValueError("masks", config.masks, '"", as the released inputs have their masks')
    chosen = {"source": data.test.source, "layout": data.test.layout}
    wanted = {"source": "folder", "layout": "released_test"}
    if data.test.test_set == "released" and chosen != wanted:
        expected = "source: folder, layout: released_test, as test_set is released"
        raise WrongValueError("data.test", chosen, expected)


def check_names(config: Config) -> None:
    """Looks whether names that stand for something exist, and no two things have one name.

    Raises:
        WrongValueError: One does not, or two do.
    """
    networks = (*STAGES, *config.variants)
    for name, variant in config.variants.items():
        if name in (INPUT, TRUTH, *STAGES, *TRAINED_METHODS) or controlled(name):
            raise WrongValueError("variants", name, "a name that no stage and no method has")
        one_of(f"variants.{name}.of", variant.of, networks)
        line = [name]
        while (parent := config.variants[line[-1]].of) in config.variants:
            if parent in line:
                raise WrongValueError(
                    f"variants.{line[-1]}.of",
                    parent,
                    "a stage or a variant that does not come from this one",
                )
            line.append(parent)
    for name in ("table1", "table2"):
        if name in config.ablations:
            raise WrongValueError("ablations", name, "another name, as Tables 1 and 2 have these")


def _check_origin(config: Config, name: str) -> None:
    """All values of a training are there, and its weights come from other networks in the end."""
    values = train_values(config, name)
    needed = TrainSettings.__annotations__.keys() - defaults_of(TrainSettings).keys()
    if missing := sorted(needed - values.keys()):
        raise WrongValueError(f"train.defaults.{missing[0]}", None, f"a value for '{name}' to take")
    chain = [weights_of(config, name)]
    while start := train_values(config, chain[-1])["init_from"]:
        key = place(config, chain[-1], "train", "init_from")
        one_of(key, start, (*STAGES, *config.variants), ', or ""')
        if weights_of(config, start) in chain:
            raise WrongValueError(key, start, "a network that does not start from this one")
        chain.append(weights_of(config, start))


def _check_network(config: Config, name: str) -> None:
    resolved = network(config, name)
    restore = restore_settings(config, name)
    section = "model"
    try:
        sizes = resolved.sizes()
        section = "restore"
        if restore.aggregation:
            check_aggregation(restore.aggregation, sizes.codebook_size)
        section = "train"
        if resolved.name == name and not resolved.train.released:
            _check_training(config, resolved)
    except WrongValueError as error:
        if "." in error.key:
            raise
        raise error.at(place(config, name, section, error.key)) from None
    for source in sources_of(config, name):
        _check_source(config, resolved, network(config, source))


def _check_training(config: Config, resolved: Network) -> None:
    """Raises WrongValueError with a key of `train` alone."""
    train, sizes = resolved.train, resolved.sizes()
    share_of(train, config.compute.devices * config.compute.nodes)
    if train.final_learning_rate > train.learning_rate:
        expected = f"at most learning_rate = {train.learning_rate}"
        raise WrongValueError("final_learning_rate", train.final_learning_rate, expected)
    for module in train.freeze:
        one_of("freeze", module, sizes.modules)
    for module in train.unfreeze:
        one_of("unfreeze", module, sizes.modules)
    if set(train.freeze) == set(sizes.modules):
        raise WrongValueError("freeze", train.freeze, "a module less, so that something learns")
    images = resolved.learns_from_images and config.data.images.source == "folder"
    clips = config.data.images if images else config.data.train
    if clips.source == "folder" and clips.layout and train.cache:
        raise WrongValueError("cache", True, "false, as clips of a data set are read by the window")
    if clips.source == "render" and clips.num_frames < resolved.frames:
        expected = f"at least frame_length = {resolved.frames}"
        raise WrongValueError("data.train.num_frames", clips.num_frames, expected)
    if train.gan_weight > 0:
        _check_discriminator(config, resolved)


def _check_discriminator(config: Config, resolved: Network) -> None:
    train = resolved.train
    discriminator = DiscriminatorSettings(**resolved.model["discriminator"])
    if config.data.size < discriminator.smallest_frame:
        found, least = discriminator.n_layers, discriminator.smallest_frame
        expected = (
            f"fewer, as so many need frames of {least} px and data.size is {config.data.size}"
        )
        raise WrongValueError("model.discriminator.n_layers", found, expected)
    skips = train.fidelity_w > 0 and resolved.settings().get("connect_list", ())
    fused = resolved.stage != "vqgan" and skips and "fuse_convs_dict" not in train.freeze
    if "generator" in train.freeze and not fused:
        expected = "0, as neither the decoder nor a fusion of skips learns; or freeze less"
        raise WrongValueError("gan_weight", train.gan_weight, expected)


def _check_source(config: Config, resolved: Network, source: Network) -> None:
    """The weights that a network starts from, or the codes that it predicts, fit it."""
    kinds = list(SIZES_OF_NETWORK)
    if kinds.index(source.kind) > kinds.index(resolved.kind):
        key = place(config, resolved.name, "train", "init_from")
        raise WrongValueError(
            key, source.name, f"a network that is no larger than {resolved.kind}, or nothing"
        )
    own, theirs = resolved.sizes(), source.sizes()
    for key in _SHAPES:
        if hasattr(theirs, key) and not _fits(key, getattr(own, key), getattr(theirs, key)):
            raise WrongValueError(
                place(config, resolved.name, "model", key),
                getattr(own, key),
                f"{shown(getattr(theirs, key))} as '{source.name}', whose weights it starts from",
            )


def _fits(key: str, own: Any, theirs: Any) -> bool:  # noqa: ANN401 - any setting
    """Whether weights of a network fit another one, which may have more layers and skips."""
    if key == "n_layers":
        return own >= theirs
    return set(own) >= set(theirs) if key == "connect_list" else own == theirs


def _check_rows(config: Config) -> None:
    """A variant that a table names is there and of its task; no two rows have one name."""
    rows = rows_of_tables(config)
    for table, (task, methods) in rows.items():
        for method in (controlled(method) or method for method in methods):
            if method not in config.variants:
                if table.startswith("ablations"):
                    one_of(table, method, (*TRAINED_METHODS, *config.variants, *config.table1))
                continue
            found = network(config, method)
            if found.task != task:
                expected = f"rows for {task}; this variant is trained for {found.task}"
                raise WrongValueError(table, method, expected)
            if found.stage not in METHOD_OF_STAGE:
                expected = f"variants of {' or '.join(METHOD_OF_STAGE)}, which restore"
                raise WrongValueError(table, method, expected)
    for name, each in config.ablations.items():
        if each.against not in ("", BEFORE):
            one_of(f"ablations.{name}.against", each.against, (BEFORE, *each.rows))
    taken = {INPUT, TRUTH, *TRAINED_METHODS, *config.variants}
    declared = (methods for key, (_, methods) in rows.items() if not key.startswith("methods"))
    taken |= {method for methods in declared for method in methods}
    for number, each in enumerate(config.methods):
        if sum(map(bool, (each.restored, each.record, each.method))) != 1:
            expected = "a text that is not empty, a folder; or in its place record, or method"
            raise WrongValueError(f"methods[{number}].restored", each.restored, expected)
    made = [(each.name, each.task) for each in config.methods]
    shown = {"bfr": config.table1, **config.table2}
    methods = {(each.method, each.task) for each in config.methods}
    for name, task in made:
        # A method may stand in the table of another task.
        own = shown.get(task, ()) if (name, task) in methods else taken
        if name in own or made.count((name, task)) > 1:
            raise WrongValueError(
                "methods",
                name,
                "a name that no other row has, such as 'my_gpen'; tables print its label",
            )
