"""What `train` and `evaluate` ask of a cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earbench_app.jobs.job import SlurmOptions

_PANEL = "On a cluster"


class ClusterName(StrEnum):
    """Kinds of clusters."""

    SLURM = "slurm"


Cluster = Annotated[ClusterName | None, typer.Option(help="Hand it to this cluster.", rich_help_panel=_PANEL)]
Partition = Annotated[str | None, typer.Option(help="The cluster's default without.", rich_help_panel=_PANEL)]
Account = Annotated[str | None, typer.Option(help="The cluster's default without.", rich_help_panel=_PANEL)]
Gpus = Annotated[int | None, typer.Option(min=0, help="Of one node; none without.", rich_help_panel=_PANEL)]
Minutes = Annotated[
    int | None,
    typer.Option(
        "--time", min=1, help="Minutes at a time; 60 without. It goes on afterwards.", rich_help_panel=_PANEL
    ),
]


def slurm_options(
    cluster: ClusterName | None,
    partition: str | None,
    account: str | None,
    time_min: int | None,
    gpus: int | None = None,
) -> SlurmOptions | None:
    """Return what is asked of the cluster, or None where none is.

    Raises
    ------
    BadParameter
        Something is asked of a cluster, but none is named.
    """
    from earbench_app.jobs.job import SlurmOptions

    given = {"partition": partition, "account": account, "time_min": time_min, "gpus": gpus}
    wanted = {name: value for name, value in given.items() if value is not None}
    if cluster is None:
        if wanted:
            names = ", ".join(f"--{name.removesuffix('_min')}" for name in wanted)
            raise typer.BadParameter(f"{names}: only with --cluster slurm", param_hint="--cluster")
        return None
    return SlurmOptions(**wanted)  # type: ignore[arg-type] # of these names the values have these types
