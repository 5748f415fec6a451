"""The build is proven: its checks passed, each tag exists, points where it always has, and was
built from the SHA."""

from prefect import task

from fairlead.errors import NothingToGoBackTo
from fairlead.going_back import WayBack
from fairlead.model import ReleaseState, StepName
from fairlead.proving import passed_checks, verified_images
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("verify_build"), **RETRIED)
def verify_build(run: Run, *, again: bool) -> bool:
    """Resolve each service's digest once; everything after uses it. False when the environment
    runs exactly this already, and it is not to be released `again`.

    Raises ChecksNotPassed, GitHubError, TagMissing, TagMoved, RevisionMismatch, RegistryError.
    """
    with run.step(StepName.VERIFY_BUILD) as step:
        for words in passed_checks(run.project, run.config, run.release):
            step.say(words)
        run.aim(verified_images(run.project, run.config, run.release))
        for image in run.images.values():
            step.say(f"{image.service}: {image.repository}:{image.tag} is {image.digest}")
        step.detail = ", ".join(
            f"{image.service} {image.digest[7:19]}" for image in run.images.values()
        )
        if not again and run.is_there():
            run.state = ReleaseState.UNCHANGED
            step.say(f"{run.release.environment} runs exactly this already: nothing to do")
        return run.state is None


@task(**task_of("take_recorded"))
def take_recorded(run: Run, back: WayBack) -> None:
    """The digests that the history holds for the release to go back to; no tag is asked.

    Raises NothingToGoBackTo when something else was released while we waited for the lease.
    """
    with run.step(StepName.VERIFY_BUILD) as step:
        run.aim(dict(back.target.images))
        if run.previous is None or run.previous.origin != back.current.origin:
            raise NothingToGoBackTo(
                run.release.environment, "another release ended there in the meantime"
            )
        step.detail = f"as recorded by release {back.to.id}"
        step.say(back.stays)
