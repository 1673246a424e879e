import pytest

from tests.generated_sources import write_sources


@pytest.fixture(scope="session")
def sources_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    write_sources(root)
    return root
