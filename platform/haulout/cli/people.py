"""Commands about who may sign in: invitations, roles, links that let somebody in once."""

from typing import Annotated

import typer
from rich.table import Table

from haulout.accounts.roles import Role
from haulout.cli.terminal import console, errors, services_here

account_app = typer.Typer(no_args_is_help=True, help="People who may sign in: what they may do, and their end.")


def invite(
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VOLUNTEER,
    uses: Annotated[int, typer.Option(min=1, max=1000, help="How many people may sign up by it.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=365, help="For how many days it is valid.")] = 7,
) -> None:
    """Print a link by which people sign up, whatever HAULOUT_SIGN_UP says, unless it says closed."""
    from haulout.accounts.managing import invite as make_link

    _link(make_link(services_here(), role, uses, days))


def sign_in(
    name: Annotated[str, typer.Argument(help="Whom to let in; the operator when not given.")] = "",
) -> None:
    """Print a link that lets somebody in once, within ten minutes, without password and second factor."""
    from haulout.accounts.managing import way_in

    _link(way_in(services_here(), name))
    errors.print("It opens once, within ten minutes. Give it to nobody else.", highlight=False)


@account_app.command("list")
def list_accounts() -> None:
    """Show who may sign in."""
    from haulout.accounts.managing import listed

    table = Table("name", "role", "pseudonym", "second factor", "since", box=None)
    for row in listed(services_here()):
        shown = "set up" if row.totp else "missing" if Role(row.role).wants_second_factor else ""
        table.add_row(row.name, row.role, row.id, shown, f"{row.created_at:%Y-%m-%d}")
    console.print(table, markup=False)


@account_app.command("role")
def set_role(
    name: Annotated[str, typer.Argument(help="Their name or pseudonym.")],
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
) -> None:
    """Give somebody a role; they sign in anew."""
    from haulout.accounts.managing import set_role as give

    give(services_here(), name, role)
    console.print(f"{name} is {role} from the next sign-in on.", highlight=False, markup=False)


@account_app.command("reset")
def reset(name: Annotated[str, typer.Argument(help="Their name or pseudonym.")]) -> None:
    """Forget somebody's password and second factor, sign them out, and print a link that lets them in once."""
    from haulout.accounts.managing import reset as forget

    _link(forget(services_here(), name))
    errors.print("It opens once, within ten minutes; there they choose a new password.", highlight=False)


@account_app.command("erase")
def erase(
    name: Annotated[str, typer.Argument(help="Their name or pseudonym.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase what is known of somebody, for good: name, address, password, comments. Their votes stay."""
    from haulout.accounts.managing import erase_named

    if not yes:
        typer.confirm(f"Erase {name} for good?", abort=True)
    pseudonym = erase_named(services_here(), name)
    console.print(f"Erased. The votes stay under {pseudonym}.", highlight=False, markup=False)


def _link(address: str) -> None:
    console.print(address, highlight=False, markup=False, soft_wrap=True)  # can be copied


def teach(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("invite")(invite)
    app.command("sign-in")(sign_in)
    app.add_typer(account_app, name="account")
