"""What is told of one release, read from the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.database.preview.model import preview_of
from fairlead.model import Backup, Image, Release, ReleaseKind, Step, StepName
from fairlead.project import Project
from fairlead.report import preview
from fairlead.report.preview import Previewed
from fairlead.telling import failed_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One release that is over. `previous` is what ran before it, `images_before` its images;
    `stays` what the releases that a rollback took back had done to the database; `backup` what was
    saved before it, and `preview` what was known of its migrations; `url` is where people find the
    environment, `registry` where the images are."""

    release: Release
    previous: Release | None = None
    steps: Sequence[Step] = ()
    images: Sequence[Image] = ()
    images_before: Sequence[Image] = ()
    stays: Sequence[str] = ()
    backup: Backup | None = None
    preview: Previewed | None = None
    url: str = ""
    registry: str = ""
    repository: str | None = None

    def step(self, name: StepName) -> Step | None:
        """Its last attempt at that step, if it was begun."""
        return next((step for step in reversed(self.steps) if step.name is name), None)

    @property
    def failed(self) -> Step | None:
        return failed_step(self.steps)

    @property
    def compare_url(self) -> str:
        """The commits between what ran before and this; those that were taken back by a rollback.
        https://docs.github.com/en/pull-requests/committing-changes-to-your-project/viewing-and-comparing-commits/comparing-commits
        """
        if self.previous is None or self.repository is None:
            return ""
        old, new = self.previous.sha, self.release.sha
        if self.release.kind is ReleaseKind.ROLLBACK:
            old, new = new, old
        return "" if old == new else f"https://github.com/{self.repository}/compare/{old}...{new}"

    def image_url(self, image: Image) -> str:
        """Its page at a registry that has pages; of a plain one, the list of its tags.
        https://distribution.github.io/distribution/spec/api/#listing-image-tags
        """
        path = image.repository.partition("/")[2]
        plain = self.registry.startswith("http://")
        return f"{self.registry}/v2/{path}/tags/list" if plain else f"{self.registry}/{path}"


def story_of(project: Project, release: Release) -> Story:
    """Raises StoreUnreachable."""
    store, config = project.store, project.config
    previous = store.releases.get(release.replaces) if release.replaces else None
    return Story(
        release=release,
        previous=previous,
        steps=store.steps.of(release.id),
        images=store.ledger.images(release.id),
        images_before=store.ledger.images(previous.id) if previous else (),
        stays=_stays(project, release),
        backup=store.backups.of_release(release.id),
        preview=_preview(project, release),
        url=config.environment(release.environment).url,
        registry=config.registry.url,
        repository=config.github.repository if config.github else None,
    )


def _preview(project: Project, release: Release) -> Previewed | None:
    kept = project.store.previews.of(release.id)
    if kept is None:
        return None
    body = preview_of(kept.body)
    return preview.of(project.config, release.environment, release.sha, body, kept.pending)


def _stays(project: Project, release: Release) -> Sequence[str]:
    if release.kind is not ReleaseKind.ROLLBACK:
        return ()
    where = (release.project, release.environment, StepName.MIGRATE)
    return project.store.steps.details(*where, after=release.origin)
