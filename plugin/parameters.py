"""From the settings of the methods to Processing parameters, and from their values back to settings."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..backend.config import Setting, Value
from ..backend.methods import Method

Names = Dict[Tuple[str, str], str]


def parameter_names(methods: List[Method], default: str) -> Names:
    """The parameter of each (method, setting): the bare name for the default method and where one declares the same.

    All others carry their method's name, so that no name depends on which other methods there are.
    """
    shared = [setting for method in methods if method.name == default for setting in method.settings]
    return {
        (method.name, setting.name): (setting.name if setting in shared else f"{method.name}_{setting.name}").upper()
        for method in methods
        for setting in method.settings
    }


def setting_parameters(methods: List[Method], default: str) -> List[QgsProcessingParameterDefinition]:
    """One parameter for every different setting of the methods, in their order."""
    names = parameter_names(methods, default)
    users: Dict[str, List[str]] = {}
    for (method_name, _), name in names.items():
        users.setdefault(name, []).append(method_name)
    made: Dict[str, QgsProcessingParameterDefinition] = {}
    for method in methods:
        for setting in method.settings:
            name = names[method.name, setting.name]
            if name not in made:
                made[name] = setting_parameter(name, setting)
                if len(users[name]) < len(methods):
                    made[name].setHelp(f"{made[name].help()}\nOnly for {' and '.join(users[name])}.")
    return list(made.values())


def setting_parameter(name: str, setting: Setting) -> QgsProcessingParameterDefinition:
    """One setting as a parameter: label with unit, limits, default, choices and help."""
    label = f"{setting.label} ({setting.unit})" if setting.unit else setting.label
    if setting.type is bool:
        made = QgsProcessingParameterBoolean(name, label, setting.default)
    elif setting.type is str and setting.choices:
        made = choice_parameter(name, label, setting.choices, str(setting.default), setting.help)
    elif setting.type is str:
        made = QgsProcessingParameterString(name, label, setting.default, optional=not setting.default)
    else:
        made = _number(name, label, setting)
    if not setting.choices:
        made.setHelp(_help(setting))
    if setting.advanced:
        made.setFlags(made.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return made


def choice_parameter(
    name: str, label: str, choices: Tuple[Tuple[str, str], ...], default: str, help: str
) -> QgsProcessingParameterEnum:
    """A choice whose values are the words of the job file, so that scripts and models stay readable."""
    made = QgsProcessingParameterEnum(
        name, label, [value for value, _ in choices], defaultValue=default, usesStaticStrings=True
    )
    made.setHelp("\n".join([help, *(f"{value}: {meaning}" for value, meaning in choices), "In scripts: the word."]))
    return made


def read_settings(
    algorithm: QgsProcessingAlgorithm,
    parameters: Dict[str, Any],
    context: QgsProcessingContext,
    settings: List[Setting],
    names: Dict[str, str],
) -> Dict[str, Value]:
    """The values of settings, whose parameters are ``names``. ValueError, a sentence, where one does not fit."""
    readers = {
        bool: algorithm.parameterAsBool,
        int: algorithm.parameterAsInt,
        float: algorithm.parameterAsDouble,
    }
    values = {}
    for setting in settings:
        read = readers.get(setting.type, algorithm.parameterAsEnumString if setting.choices else None)
        value = (read or algorithm.parameterAsString)(parameters, names[setting.name], context)
        values[setting.name] = setting.checked(value)
    return values


def _number(name: str, label: str, setting: Setting) -> QgsProcessingParameterNumber:
    whole = setting.type is int
    limits = {}
    if setting.minimum is not None:
        limits["minValue"] = setting.minimum
    if setting.maximum is not None:
        limits["maxValue"] = setting.maximum
    kind = QgsProcessingParameterNumber.Type
    return QgsProcessingParameterNumber(
        name, label, kind.Integer if whole else kind.Double, defaultValue=setting.default, **limits
    )


def _help(setting: Setting) -> str:
    if setting.minimum is None or setting.maximum is None:
        return setting.help
    return f"{setting.help}\nFrom {setting.minimum:.10g} to {setting.maximum:.10g}."
