"The package as `settings.ini` describes it."
from configparser import ConfigParser
from pathlib import Path
from shlex import split

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
lib = cfg['lib_path']
statuses = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
licenses = dict(apache2='Apache-2.0', mit='MIT', bsd3='BSD-3-Clause')  # SPDX
pythons = [f'3.{minor}' for minor in range(int(cfg['min_python'].split('.')[1]), 14)]
classifiers = [f"Development Status :: {statuses[int(cfg['status'])-1]}", f"Intended Audience :: {cfg['audience']}",
               f"Natural Language :: {cfg['language']}", 'Topic :: Scientific/Engineering :: Artificial Intelligence',
               *(f'Programming Language :: Python :: {v}' for v in pythons)]
readme = here/'README.md'

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], license_expression=licenses[cfg['license']],
    author=cfg['author'], url=cfg['git_url'],
    project_urls=dict(Documentation=cfg['doc_host']+cfg['doc_baseurl'], Changelog=f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md"),
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '', long_description_content_type='text/markdown',
    keywords=cfg['keywords'].split(), classifiers=classifiers, python_requires=f">={cfg['min_python']}", zip_safe=False,
    packages=find_packages(str(here), include=[lib, f'{lib}.*']),
    package_dir={'': '.'},  # an editable install then puts this folder on the path, and nbdev finds `tools.showdoc`
    package_data={lib: split(cfg['package_data'])},
    install_requires=split(cfg['requirements']),
    extras_require=dict(dev=split(cfg['dev_requirements']), parquet=split(cfg['parquet_requirements']), excel=split(cfg['excel_requirements']), dask=split(cfg['dask_requirements']), peers=split(cfg['peers_requirements']), gds=split(cfg['gds_requirements'])),
    entry_points=dict(console_scripts=split(cfg['console_scripts']), nbdev=[f'{lib}={lib}._modidx:d']),
)
